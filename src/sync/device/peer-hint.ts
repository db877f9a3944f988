import type { DialOutcome } from '../link/link-hub.ts'
import type { Path } from '../link/own-networks.ts'
import type { PeerWay } from './peer-ways.ts'

/** Why a device is not connected, or not in a better way, and what a person can do: the last column of `harp peers`. */

export interface PeerSituation {
  readonly path: Path | null
  readonly address: string | null
  readonly roundTripMs: number | null
  readonly ways: readonly PeerWay[]
  /** Addresses among them that are of a network that this device is in. */
  readonly lanAddresses: readonly string[]
  /** Why the last link ended. */
  readonly lastReason: string | undefined
  /** Folders that both have and that are not exchanged though they are connected. */
  readonly silentFolders: readonly string[]
  /** Folders that this device was revoked in, if it shares nothing else with it. */
  readonly lostFolders: readonly string[]
  /** Theirs minus ours. */
  readonly clockAheadMs: number | undefined
  /** Why nothing is found on the network; undefined if something may be. */
  readonly noDiscovery: string | undefined
}

const clockLimitMs = 60_000
const slowLanMs = 100
const mostShown = 3

export function peerHint(situation: PeerSituation): string | null {
  return situation.path === null ? whyAway(situation) : whyNotBetter(situation)
}

function whyAway({ ways, lastReason, lostFolders, noDiscovery }: PeerSituation): string {
  if (lostFolders.length > 0) {
    return `this device was revoked in ${lostFolders.slice(0, mostShown).join(', ')}, and does not dial it any more`
  }
  const problems = ways.flatMap(({ problem }) => problem ?? [])
  const refusal = problems.find(({ state }) => state === 'refused')?.message ?? lastReason ?? ''
  if (/no member/.test(refusal)) {
    return 'it does not take this device for a member: revoked there, not heard of yet, or it has left the folder. Ask an admin (harp members)'
  }
  if (refusal === 'revoked itself') return 'it says that it was revoked itself: harp members shows who is one'
  if (ways.length === 0) return withDiscovery('no address of it is known: start harp up there', noDiscovery)
  const shown = addressesOf(ways)
  const tried = ways.filter(({ problem }) => problem !== undefined)
  if (tried.length === 0) return withDiscovery(`not reached yet at ${shown}`, noDiscovery)
  return withDiscovery(outcome(tried), noDiscovery)
}

/** The most telling outcome: where something answers, more is known than where nothing does. */
function outcome(tried: readonly PeerWay[]): string {
  const of = (fits: (problem: DialOutcome) => boolean): readonly PeerWay[] =>
    tried.filter(({ problem }) => problem !== undefined && fits(problem))
  const wrong = of(({ state }) => state === 'wrong-device')
  const closed = of(({ message }) => /ECONNREFUSED/.test(message))
  const foreign = of(({ state }) => state === 'not-ours')
  const refused = of(({ state }) => state === 'refused')
  if (refused.length > 0) return `it ends the connection at once: ${refused[0]?.problem?.message ?? ''}`
  if (closed.length > 0) {
    return `connection refused at ${addressesOf(closed)}: harp up does not run there, or has another port`
  }
  if (wrong.length > 0) {
    return `wrong device at ${addressesOf(wrong)}: the address belongs to another one by now. Start harp up on the right one`
  }
  if (foreign.length > 0) return `no Harp answers at ${addressesOf(foreign)}: another program has that port`
  return `no answer at ${addressesOf(tried)}: switched off, in another network, or a firewall is in between (its TCP port must be open)`
}

function whyNotBetter(situation: PeerSituation): string | null {
  const { path, address, roundTripMs, lanAddresses, silentFolders, clockAheadMs } = situation
  if (silentFolders.length > 0) {
    const names = silentFolders.slice(0, mostShown).join(', ')
    return `connected, but ${names} is not exchanged: it may be paused or removed there, or wait for its grant`
  }
  if (clockAheadMs !== undefined && Math.abs(clockAheadMs) > clockLimitMs) {
    const seconds = Math.round(Math.abs(clockAheadMs) / 1_000)
    return `its clock is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this one's: set both right`
  }
  if (path === 'direct' && lanAddresses.length > 0) {
    const shown = lanAddresses.slice(0, mostShown).join(', ')
    return `linked at the far address ${address ?? ''} though it is near, at ${shown}: open its port there in its firewall`
  }
  if (path === 'lan' && roundTripMs !== null && roundTripMs >= slowLanMs) {
    return `slow: ${Math.round(roundTripMs)} ms in the local network. Look at the Wi-Fi, or at what else uses the line`
  }
  return null
}

function withDiscovery(text: string, noDiscovery: string | undefined): string {
  return noDiscovery === undefined
    ? text
    : `${text}. It is not looked for on the local network: ${noDiscovery}`
}

function addressesOf(ways: readonly PeerWay[]): string {
  const shown = ways.slice(0, mostShown).map(({ address }) => address)
  return [...shown, ...(ways.length > mostShown ? [`${ways.length - mostShown} more`] : [])].join(', ')
}
