import { printable } from '../base/printable.ts'
import type { PeerInfo } from '../sync/index.ts'
import { formatAge, formatSize } from './commands/tunnels.ts'
import { alignColumns } from './output.ts'

/** `harp peers` for people: a line for each device, and below it what is wrong and what to do. */

export function peerListLines(peers: readonly PeerInfo[], now: number): readonly string[] {
  if (peers.length === 0) return ['Nobody shares a folder with this device yet: harp invite FOLDER']
  const sorted = peers.toSorted(
    (left, right) => Number(right.connected) - Number(left.connected) || left.name.localeCompare(right.name),
  )
  const heads = alignColumns(sorted.map((peer) => row(peer, now)))
  return sorted.flatMap((peer, index) => [heads[index] ?? '', ...details(peer)])
}

function row(peer: PeerInfo, now: number): readonly string[] {
  const { id, name, connected, bytesIn, bytesOut, folders } = peer
  const moved = bytesIn + bytesOut === 0 ? '' : `${formatSize(bytesIn)} in, ${formatSize(bytesOut)} out`
  return [
    `${printable(name)} (${id.slice(0, 7)})`.trimStart(),
    connected ? way(peer) : away(peer, now),
    moved,
    folders.map((folder) => `${printable(folder.name)} (${folder.role})`).join(', '),
  ]
}

function way({ path, address, dialled, roundTripMs }: PeerInfo): string {
  const parts = [`${path ?? 'connected'} ${printable(address ?? '')}`]
  if (dialled === false) parts.push('it dialled')
  if (roundTripMs !== null) parts.push(`${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms`)
  return parts.join(', ')
}

function away({ since }: PeerInfo, now: number): string {
  if (since === null) return 'away'
  return `away for ${formatAge((now - Date.parse(since)) / 1_000)}`
}

/** Addresses are of interest where they do not work. */
function details({ connected, addresses, hint }: PeerInfo): readonly string[] {
  const tried = connected
    ? []
    : addresses.map(({ address, via, problem }) => {
        const came = problem === null ? '' : `: ${printable(problem)}`
        return `    ${printable(address)} (${viaTexts[via]})${came}`
      })
  return hint === null ? tried : [`  → ${printable(hint)}`, ...tried]
}

const viaTexts: Readonly<Record<PeerInfo['addresses'][number]['via'], string>> = {
  beacon: 'heard on the network',
  mdns: 'heard by mDNS',
  reached: 'worked before',
  said: 'as it said',
  member: 'from another member',
  invitation: 'from the join code',
}
