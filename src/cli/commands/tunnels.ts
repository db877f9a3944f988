import type { TunnelOverview, TunnelStatus } from '../../gateway/index.ts'
import { printable } from '../../base/printable.ts'
import { printLine, printTable } from '../output.ts'
import { connectToGateway, valueOrExplain } from '../running-gateway.ts'

/** `harp tunnels`: which tunnels are open, which were lost, and who was refused. */
export async function listTunnels(options: { readonly json: boolean }): Promise<void> {
  const overview = valueOrExplain(await connectToGateway().tunnels())
  if (overview === null) return
  if (options.json) printLine(JSON.stringify(overview))
  else printOverview(overview)
}

const columns = ['NAME', 'PORT', 'STATE', 'AGE', 'PEER', 'RTT', 'CONNS', 'IN/OUT', 'ERROR']

function printOverview({ listening, tls, requireTokens, tunnels, refused }: TunnelOverview): void {
  if (listening === null) printLine('Tunnels cannot arrive: the gateway does not listen for them.')
  else {
    printLine(
      `Tunnels arrive at ${listening}, ${tls ? 'mutual TLS' : 'without TLS'}, ${keyRule[requireTokens]}.`,
    )
  }
  printLine('')
  if (tunnels.length === 0) printLine('No tunnel is open.')
  else printTable([columns, ...tunnels.map((tunnel) => row(tunnel))])
  if (refused.length === 0) return
  printLine('')
  printTable([
    ['REFUSED', 'PEER', 'NAME', 'WHY'],
    ...refused.map(({ at, peer, name, problem }) => [at, peer, printable(name ?? '-'), printable(problem)]),
  ])
}

const keyRule: Readonly<Record<TunnelOverview['requireTokens'], string>> = {
  none: 'with the shared key or a token',
  engines: 'engines with a token of their own only',
  all: 'with tokens of their own only',
}

function row(tunnel: TunnelStatus): string[] {
  const { connections, bytes, roundTripMs, lastError } = tunnel
  return [
    printable(tunnel.name),
    String(tunnel.port),
    tunnel.state,
    formatAge(tunnel.ageSeconds),
    tunnel.peer,
    roundTripMs === null ? '-' : `${roundTripMs < 10 ? roundTripMs.toFixed(1) : Math.round(roundTripMs)} ms`,
    `${connections.active} (${connections.total})`,
    `${formatSize(bytes.toApp)}/${formatSize(bytes.fromApp)}`,
    lastError === null ? '-' : `${lastError.at} ${printable(lastError.problem)}`,
  ]
}

/** The two largest units: `3d 4h`. */
export function formatAge(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const
  const whole = Math.max(0, Math.floor(seconds))
  const first = units.findIndex(([, size]) => whole >= size)
  if (first === -1) return '0s'
  const parts = units.slice(first, first + 2).map(([unit, size], index) => {
    const rest = index === 0 ? whole : whole % (units[first]?.[1] ?? 1)
    return { unit, count: Math.floor(rest / size) }
  })
  return parts.flatMap(({ unit, count }) => (count === 0 ? [] : [`${count}${unit}`])).join(' ')
}

/** Three digits at most: `12.3 MiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}
