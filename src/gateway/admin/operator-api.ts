/**
 * What the control socket offers: `/apps`, `/bans`, `/engines`, `/status`, `/tokens` and `/tunnels`. Whoever can open
 * the socket may do all of it; the permissions of the socket are the authentication.
 */
import { canonicalAddress, formatNetwork, parseNetwork } from '../../net/address.ts'
import type { BruteForce } from '../access/brute-force.ts'
import type { EngineStatus } from '../engine/engines.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import type { AppStatus } from './app-overview.ts'
import {
  jsonAnswer,
  methodNotAllowed,
  type OperatorAnswer,
  type OperatorHandler,
} from '../../net/operator-server.ts'
import { tokenRoutes, type TokenRegister } from './token-routes.ts'

export interface OperatorApiOptions {
  readonly bruteForce: BruteForce
  readonly tokens: TokenRegister
  readonly status: () => GatewayStatus
  readonly tunnels: () => TunnelOverview
  /** Asks each engine. */
  readonly engines: () => Promise<readonly EngineStatus[]>
  readonly apps: () => readonly AppStatus[]
}

/** Without secrets, but only for the operator. */
export interface GatewayStatus {
  readonly version: string
  /** Made anew at every start; /exapps/app_api/doctor/echo names the same. */
  readonly instance: string
  readonly pid: number
  readonly startedAt: string
  readonly uptimeSeconds: number
  readonly isDraining: boolean
  readonly listeners: { readonly http: string; readonly https: string | null; readonly admin: string | null }
  readonly connections: { readonly open: number; readonly refused: number }
  readonly apps: { readonly known: number; readonly unknown: number }
  readonly bannedAddresses: number
  readonly certificate: { readonly path: string; readonly validTo: string } | null
}

/** One entry of `GET /bans`. */
export interface BanEntry {
  readonly address: string
  readonly failures: number
  /** When the ban ends by itself. */
  readonly until: string
}

export function operatorApi(options: OperatorApiOptions): OperatorHandler {
  const { bruteForce } = options
  return (request) => {
    const { method, path } = request
    const [, first = '', second] = /^\/([a-z]+)(?:\/([^/]+))?$/.exec(path) ?? []
    if (first === 'tokens') return tokenRoutes(options.tokens, request, second)
    if (first === 'bans' && second !== undefined) {
      return method === 'DELETE' ? lift(bruteForce, second) : methodNotAllowed('DELETE')
    }
    const view = second === undefined ? views.get(first) : undefined
    if (view === undefined) {
      return jsonAnswer(404, { error: 'there are /apps, /bans, /engines, /status, /tokens and /tunnels' })
    }
    return method === 'GET' ? show(view, options) : methodNotAllowed('GET')
  }
}

type View = (options: OperatorApiOptions) => unknown

async function show(view: View, options: OperatorApiOptions): Promise<OperatorAnswer> {
  return jsonAnswer(200, await view(options))
}

const views = new Map<string, View>([
  ['status', ({ status }) => status()],
  ['bans', ({ bruteForce }) => ({ bans: listBans(bruteForce) })],
  ['tunnels', ({ tunnels }) => tunnels()],
  ['engines', async ({ engines }) => ({ engines: await engines() })],
  ['apps', ({ apps }) => ({ apps: apps() })],
])

function listBans(bruteForce: BruteForce): BanEntry[] {
  return bruteForce
    .list()
    .toSorted((one, other) => other.until - one.until)
    .map(({ address, failures, until }) => ({ address, failures, until: new Date(until).toISOString() }))
}

function lift(bruteForce: BruteForce, encoded: string): OperatorAnswer {
  const address = canonicalBanKey(decode(encoded))
  if (address === undefined) return jsonAnswer(400, { error: 'not an IP address or prefix' })
  return bruteForce.lift(address)
    ? jsonAnswer(200, { lifted: address })
    : jsonAnswer(404, { error: `${address} has no failures` })
}

/** As the table of failures spells it: a bare address, or an IPv6 prefix. */
function canonicalBanKey(text: string): string | undefined {
  const address = canonicalAddress(text)
  if (address !== undefined) return address
  const network = parseNetwork(text)?.network
  if (network === undefined) return undefined
  const isSingle = network.prefixBits === (network.address.kind() === 'ipv4' ? 32 : 128)
  return isSingle ? network.address.toString() : formatNetwork(network)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // NOTE: a broken escape is no address either.
    return ''
  }
}
