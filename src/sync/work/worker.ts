import { parentPort } from 'node:worker_threads'
import { errorMessage } from '../../base/errors.ts'
import { collectSpentMemory } from '../content/spent-memory.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { resultMessageOf } from './message.ts'
import { runJob } from './run-job.ts'
import type { ThreadAnswer, ThreadJob } from './thread.ts'

/** Where a worker thread begins: one job at a time, on the file system of this machine. */
collectSpentMemory()
const port = parentPort
port?.on('message', ({ name, job }: ThreadJob) => {
  try {
    const { value, transfer } = resultMessageOf(runJob(nodeFileSystem, name, job))
    port.postMessage({ result: value } satisfies ThreadAnswer, [...transfer])
  } catch (error) {
    port.postMessage({ failure: errorMessage(error) } satisfies ThreadAnswer)
  }
})
