import type { Logger } from '../../base/logger.ts'
import type { AppLookup } from '../access/decision.ts'
import type { RequireTokens } from '../config/config.ts'
import { isAppId } from '../access/request-path.ts'
import type { NewProxy } from '../frp/messages.ts'
import type { ControlSession } from './control-session.ts'
import type { LocalEngine } from './local-engine.ts'
import type { FrpProxy, ProxyRegistry } from './proxy-registry.ts'
import { kindOfPort, randomAppPort } from './tunnel-ports.ts'
import type { TunnelKind } from './tunnel-status.ts'

export interface ProxyClaimsOptions {
  readonly registry: ProxyRegistry
  /** What Nextcloud knows of an app; never rejects. */
  readonly findApp: (appId: string) => AppLookup | Promise<AppLookup>
  readonly requireTokens: RequireTokens
  readonly localEngine: LocalEngine
  /** Opens the port's loopback listener where there are any; false: it cannot be had. */
  readonly bind: (port: number) => Promise<boolean>
  readonly wallClock: () => number
  readonly randomInt: (below: number) => number
  readonly log: Logger
}

export type ClaimResult =
  | { readonly kind: 'granted'; readonly proxy: FrpProxy }
  /** `error` is what the client is told: frp's own words where frp has them. */
  | { readonly kind: 'refused'; readonly error: string }

const maxPortsPerClient = 1
const maxNameLength = 128
const probeMs = 1_500
const lookupMs = 3_000
const portTries = 5

/**
 * The rules for a NewProxy: frp's own (wire specification, section 5) and tighter ones. An app's port is the one
 * that Nextcloud has for it, its rightful owner displaces whoever sits there, and nothing displaces a live engine.
 */
export class ProxyClaims {
  readonly #options: ProxyClaimsOptions

  constructor(options: ProxyClaimsOptions) {
    this.#options = options
  }

  /** Registers the proxy when granted. Answers within a few seconds. */
  async claim(session: ControlSession, message: NewProxy): Promise<ClaimResult> {
    const unsupported = unsupportedFeature(message)
    if (unsupported !== null) return refused(unsupported)
    if (session.proxies.size >= maxPortsPerClient) return refused('exceed the max_ports_per_client')
    const { registry } = this.#options
    const known = await this.#recordPort(message.proxyName)
    const port =
      message.remotePort === 0 ? this.#pickPort(session, message.proxyName, known) : message.remotePort
    if (port === null) return refused('no available port')
    const kind = kindOfPort(port)
    if (kind === null) return refused('port not allowed')
    const forbidden = this.#forbiddenFor(session, message.proxyName, port, kind)
    if (forbidden !== null) return refused(forbidden)
    const isApp = kind === 'app'
    if (isApp && known !== null && known !== port) {
      return refused(
        `port not allowed: Nextcloud has port ${known} for "${message.proxyName}", not ${port}; deploy the app again`,
      )
    }
    const named = registry.byName(message.proxyName)
    const nameTaken = outranks(session, named) ? 'its name belongs to a token' : null
    if (!(await this.#free(named, session, nameTaken))) {
      return refused(`proxy [${message.proxyName}] already exists`)
    }
    // The rightful owner of a port is the app that Nextcloud has it for; in other letters it is the same app.
    const holder = registry.byPort(port)
    const isOwner =
      isApp && known === port && (!isSameApp(holder?.name, message.proxyName) || outranks(session, holder))
    const displaced = isOwner ? `port ${port} belongs to another app` : null
    if (!(await this.#free(holder, session, displaced))) return refused('port already used')
    const result = this.#register(session, message, port, kind)
    if (result.kind === 'refused' || (await this.#options.bind(port))) return result
    registry.remove(result.proxy)
    return refused('port unavailable')
  }

  /**
   * Nextcloud's record of an app is there or has changed: a tunnel under the app's name on another port is
   * closed, so that its client asks again.
   */
  recheck(appId: string, port: number): void {
    for (const proxy of this.#options.registry.list()) {
      if (proxy.kind !== 'app' || proxy.name.toLowerCase() !== appId || proxy.port === port) continue
      const problem = `Nextcloud has port ${port} for "${proxy.name}", not ${proxy.port}`
      this.#options.log.warn({ name: proxy.name, port: proxy.port, problem }, 'tunnel closed')
      proxy.session.close(problem)
    }
  }

  /** NOTE: everything was awaited before; from here to `add` nothing else can come between. */
  #register(session: ControlSession, message: NewProxy, port: number, kind: TunnelKind): ClaimResult {
    const { registry, wallClock } = this.#options
    if (session.isClosed) return refused('the control connection closed')
    if (session.proxies.size >= maxPortsPerClient) return refused('exceed the max_ports_per_client')
    if (registry.byName(message.proxyName) !== undefined) {
      return refused(`proxy [${message.proxyName}] already exists`)
    }
    if (registry.byPort(port) !== undefined) return refused('port already used')
    const { proxyName: name, useEncryption } = message
    const proxy: FrpProxy = { name, port, kind, useEncryption, session, openedAt: wallClock() }
    registry.add(proxy)
    return { kind: 'granted', proxy }
  }

  #forbiddenFor(session: ControlSession, name: string, port: number, kind: TunnelKind): string | null {
    const { requireTokens, localEngine, log } = this.#options
    const { grant } = session.identity
    if (grant !== null) {
      if (grant.kind !== kind) return `port not allowed: this token is for an ${grant.kind}`
      if (grant.name.toLowerCase() !== name.toLowerCase()) {
        return `this token is for "${grant.name}", not for "${name}"`
      }
      if (grant.port !== null && grant.port !== port) {
        return `port not allowed: this token is for port ${grant.port}`
      }
    } else if (kind === 'engine') {
      if (requireTokens !== 'none') {
        return 'an engine needs a token of its own here: `harp token add --engine NAME` on the gateway'
      }
      const fix = 'harp token add --engine NAME, and HARP_FRP_REQUIRE_TOKENS=engines'
      log.warn(
        { name, port, peer: session.peer, fix },
        'engine tunnel with the shared key, which every app has',
      )
    }
    return localEngine.has(port) ? 'port already used' : null
  }

  /** The port that Nextcloud has for an app of this name; null where it knows none or does not say in time. */
  async #recordPort(name: string): Promise<number | null> {
    const appId = name.toLowerCase()
    if (!isAppId(appId)) return null
    const { promise: late, resolve } = Promise.withResolvers<AppLookup>()
    const timer = setTimeout(() => resolve({ kind: 'unavailable' }), lookupMs)
    try {
      const found = await Promise.race([this.#options.findApp(appId), late])
      return found.kind === 'known' ? found.app.record.port : null
    } finally {
      clearTimeout(timer)
    }
  }

  #pickPort(session: ControlSession, name: string, known: number | null): number | null {
    const { registry, randomInt } = this.#options
    const { grant } = session.identity
    if (grant !== null && grant.port !== null) return grant.port
    if (known !== null && kindOfPort(known) === 'app') return known
    const last = registry.lastPortOf(name)
    if (last !== undefined && registry.byPort(last) === undefined) return last
    for (let attempt = 0; attempt < portTries; attempt++) {
      const port = randomAppPort(randomInt)
      if (registry.byPort(port) === undefined) return port
    }
    return null
  }

  /** True once nobody holds the place. Who is dead gives way, who lives only with a reason to be `displaced`. */
  async #free(
    holder: FrpProxy | undefined,
    claimant: ControlSession,
    displaced: string | null,
  ): Promise<boolean> {
    if (holder === undefined) return true
    if (holder.session === claimant) return false
    if (displaced !== null) {
      holder.session.close(displaced)
      return true
    }
    if (await holder.session.probe(probeMs)) return false
    holder.session.close('its connection is dead, and its place was asked for')
    return true
  }
}

/** A token is for its name; an app that took it with the shared key, which every app has, gives way. */
function outranks({ identity }: ControlSession, holder: FrpProxy | undefined): boolean {
  return identity.grant !== null && holder?.kind === 'app' && holder.session.identity.grant === null
}

function isSameApp(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase()
}

/** What frp offers and this gateway does not; null where all is supported. */
function unsupportedFeature(message: NewProxy): string | null {
  const { proxyName, proxyType, useCompression, group, bandwidthLimit, bandwidthLimitMode } = message
  if (proxyName === '' || proxyName.length > maxNameLength) {
    return 'the proxy needs a name of at most 128 characters'
  }
  if (proxyType !== 'tcp' && proxyType !== '') {
    return `proxy type [${proxyType}] is not supported: only tcp is`
  }
  if (useCompression) return 'transport.useCompression is not supported: remove it from the proxy'
  if (group !== '') return 'loadBalancer.group is not supported: one client serves a port'
  if (bandwidthLimit !== '' && bandwidthLimitMode === 'server') {
    return 'transport.bandwidthLimitMode "server" is not supported: leave it out, the client limits then'
  }
  return null
}

function refused(error: string): ClaimResult {
  return { kind: 'refused', error }
}
