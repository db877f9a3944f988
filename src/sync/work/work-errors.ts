import { HarpError } from '../../base/errors.ts'
import type { ErrorEntry } from '../../base/errors.ts'

export const workErrors = {
  WORK_CHUNKS_TOO_LARGE: {
    summary: 'The folder was founded with chunks of more than 16 MiB, which this program does not handle.',
    fix: 'Found the folder anew with this program and move the files there.',
  },
  WORK_QUEUE_FULL: {
    summary: 'More jobs for worker threads are waiting than ever should: a bug.',
    fix: 'Report it with the text beside the code.',
  },
  WORK_FAILED: {
    summary: 'A job in a worker thread ended with an error that it should have handled: a bug.',
    fix: 'Report it with the text beside the code.',
  },
  WORK_THREAD_LOST: {
    summary: 'A worker thread ended while it had work, mostly for want of memory. Another one takes over.',
    fix: 'Make memory free; if there is enough, report it with the text beside the code.',
  },
  WORK_CLOSED: {
    summary: 'The worker threads were stopped because the program ends.',
    fix: 'Nothing: what was not done is done after the next start.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type WorkErrorCode = keyof typeof workErrors

export function workError(code: WorkErrorCode, message: string): HarpError {
  return new HarpError(code, message, { fix: workErrors[code].fix })
}
