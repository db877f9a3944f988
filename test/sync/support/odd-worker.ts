import { parentPort } from 'node:worker_threads'
import type { ListJob } from '../../../src/sync/work/job.ts'
import type { ThreadAnswer, ThreadJob } from '../../../src/sync/work/thread.ts'

/**
 * A thread that does as its jobs say, by the first "directory": `crash`, `die`, `fail`, `wait <ms>`. The answer is a
 * fault whose code tells the name of the job, and whose message tells how many the thread had.
 */
let count = 0
const port = parentPort
port?.on('message', ({ name, job }: ThreadJob) => {
  count++
  const [what, amount] = ((job as ListJob).directories[0] ?? '').split(' ')
  if (what === 'crash') throw new Error('as told')
  if (what === 'die') process.exit(7)
  const answer: ThreadAnswer =
    what === 'fail'
      ? { failure: 'as told' }
      : { result: { listings: [{ code: name, message: String(count) }] } }
  setTimeout(() => port.postMessage(answer), Number(amount ?? 0))
})
