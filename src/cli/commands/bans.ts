import type { BanEntry } from '../../gateway/index.ts'
import { printLine, printTable } from '../output.ts'
import { connectToGateway, valueOrExplain } from '../running-gateway.ts'

/** `harp bans`: who is banned now, and until when. */
export async function listBans(options: { readonly json: boolean }): Promise<void> {
  const bans = valueOrExplain(await connectToGateway().bans())
  if (bans === null) return
  if (options.json) printLine(JSON.stringify({ bans }))
  else if (bans.length === 0) printLine('No address is banned.')
  else printTable([['ADDRESS', 'FAILURES', 'ENDS'], ...bans.map((ban) => row(ban))])
}

/** `harp bans lift ADDRESS`: an address, or a prefix as `harp bans` lists it. */
export async function liftBan(address: string): Promise<void> {
  const lifted = valueOrExplain(await connectToGateway().lift(address))
  if (lifted !== null) printLine(`${lifted} is not banned any more.`)
}

function row(ban: BanEntry): string[] {
  const seconds = Math.max(0, Math.ceil((Date.parse(ban.until) - Date.now()) / 1000))
  return [ban.address, String(ban.failures), `in ${seconds} s (${ban.until})`]
}
