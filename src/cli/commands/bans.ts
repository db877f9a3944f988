import { HarpError } from '../../base/errors.ts'
import {
  ControlClient,
  formatProblems,
  readEnvironment,
  readStateDir,
  type BanEntry,
  type ControlReply,
} from '../../gateway/index.ts'
import { printError, printLine, printTable } from '../output.ts'

/** Exit status where no gateway runs, so that a script can tell it from a failure. */
const notRunningStatus = 3

/** `harp bans`: who is banned now, and until when. */
export async function listBans(options: { readonly json: boolean }): Promise<void> {
  const reply = await connect().bans()
  if (reply.kind !== 'ok') {
    explain(reply)
    return
  }
  if (options.json) printLine(JSON.stringify({ bans: reply.value }))
  else if (reply.value.length === 0) printLine('No address is banned.')
  else printTable([['ADDRESS', 'FAILURES', 'ENDS'], ...reply.value.map((ban) => row(ban))])
}

/** `harp bans lift ADDRESS`: an address, or a prefix as `harp bans` lists it. */
export async function liftBan(address: string): Promise<void> {
  const reply = await connect().lift(address)
  if (reply.kind === 'ok') printLine(`${reply.value} is not banned any more.`)
  else explain(reply)
}

function connect(): ControlClient {
  const stateDir = readStateDir(readEnvironment())
  if (stateDir.kind === 'ok') return new ControlClient(stateDir.path)
  throw new HarpError('CONFIG_INVALID', formatProblems(stateDir.problems).join('\n'))
}

function row(ban: BanEntry): string[] {
  const seconds = Math.max(0, Math.ceil((Date.parse(ban.until) - Date.now()) / 1000))
  return [ban.address, String(ban.failures), `in ${seconds} s (${ban.until})`]
}

function explain(reply: Exclude<ControlReply<unknown>, { kind: 'ok' }>): void {
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
}
