import { parentPort } from 'node:worker_threads'
import { errorMessage } from '../../base/errors.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { freeMessage, resultMessageOf } from './message.ts'
import { runJob } from './run-job.ts'
import type { ThreadAnswer, ThreadJob } from './thread.ts'

/** Where a worker thread begins: one job at a time, on the file system of this machine. */
const port = parentPort
port?.on('message', ({ name, job }: ThreadJob) => {
  try {
    const { value, transfer } = resultMessageOf(runJob(nodeFileSystem, name, job))
    port.postMessage({ result: value } satisfies ThreadAnswer, [...transfer])
    freeMessage(job)
  } catch (error) {
    port.postMessage({ failure: errorMessage(error) } satisfies ThreadAnswer)
  }
})
