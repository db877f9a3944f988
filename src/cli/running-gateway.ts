/** For commands that ask the running gateway through its control socket. */
import { HarpError } from '../base/errors.ts'
import {
  ControlClient,
  formatProblems,
  readEnvironment,
  readStateDir,
  type ConfigProblem,
  type ControlReply,
} from '../gateway/index.ts'
import { printError } from './output.ts'

/** Exit status where no gateway runs, so that a script can tell it from a failure. */
const notRunningStatus = 3

export function connectToGateway(): ControlClient {
  const stateDir = readStateDir(readEnvironment())
  if (stateDir.kind === 'ok') return new ControlClient(stateDir.path)
  throw configurationError(stateDir.problems)
}

/** Its text goes behind `ERROR: `, where other lines have their own. */
export function configurationError(problems: readonly ConfigProblem[]): HarpError {
  return new HarpError(
    'CONFIG_INVALID',
    formatProblems(problems)
      .join('\n')
      .replace(/^ERROR: /, ''),
  )
}

/** What was asked for; null: why not is printed, and the exit status is set. */
export function valueOrExplain<Value>(reply: ControlReply<Value>): Value | null {
  if (reply.kind === 'ok') return reply.value
  process.exitCode = reply.kind === 'not-running' ? notRunningStatus : 1
  switch (reply.kind) {
    case 'not-running':
      printError(
        `ERROR: no gateway answers at ${reply.path}; start it, or give this command the gateway's HARP_STATE_DIR`,
      )
      break
    case 'denied':
      printError(`ERROR: ${reply.path} belongs to another user; run this as the user of the gateway`)
      break
    case 'missing':
    case 'failed':
      printError(`ERROR: ${reply.problem}`)
      break
  }
  return null
}
