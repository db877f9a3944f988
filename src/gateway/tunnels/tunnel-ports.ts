import { isEnginePort } from '../access/engine-allow-list.ts'
import type { TunnelKind } from './tunnel-status.ts'

/** Which ports tunnels may have (contract section 5.1), and what stands behind each range. */
const firstAppPort = 23_000
const lastAppPort = 23_999

/** null: no tunnel may have this port. */
export function kindOfPort(port: number): TunnelKind | null {
  if (port >= firstAppPort && port <= lastAppPort) return 'app'
  return isEnginePort(port) ? 'engine' : null
}

/** Where a client asks for any port. `random` gives an integer below its argument. */
export function randomAppPort(random: (below: number) => number): number {
  return firstAppPort + random(lastAppPort - firstAppPort + 1)
}
