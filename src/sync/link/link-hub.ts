import type { SecureContext } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort, parseHostPort } from '../../net/address.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { shortIdLength, toHex, type DeviceId } from '../ids.ts'
import { deviceCertificate } from './device-certificate.ts'
import { dialRound } from './dial-round.ts'
import { deviceName, linkFeatures, type Hello } from './hello.ts'
import { JoinDesk, type JoinRequest, type JoinVerdict } from './join-desk.ts'
import type { JoinDialer } from './join.ts'
import { linkErrors, type LinkErrorCode } from './link-errors.ts'
import type { FrameStream, Link, StreamTopic } from './link.ts'
import { linkTimes, type LinkTimes } from './link-limits.ts'
import { LinkListener, type ListenOptions } from './link-listener.ts'
import { LinkTable, noMember, type KnownMembers } from './link-table.ts'
import { reachableAddresses } from './listen-addresses.ts'
import { OpenConnections } from './open-connections.ts'
import { PeerDialer } from './peer-dialer.ts'
import { dialSecure, tlsContext } from './secure-connection.ts'
import type { ConnectionRefusal, ProtocolName, SecureConnection } from './secure-connection.ts'
import { StrangerGate } from './stranger-gate.ts'
import { TlsLink, type LinkHooks } from './tls-link.ts'

export interface LinkProblem {
  readonly code: LinkErrorCode
  readonly peer: DeviceId
  readonly address: string
  readonly message: string
  readonly fix: string
}

/** What dialling one address came to. `refused`: the other end said goodbye at once. */
export interface DialOutcome {
  readonly state: ConnectionRefusal['state'] | 'refused'
  readonly message: string
}

export interface LinkHubOptions extends KnownMembers {
  readonly suite: CryptoSuite
  readonly identity: DeviceKeys
  readonly name: string
  /** Undefined: only dials. */
  readonly listen: ListenOptions | undefined
  /** Where a device may be, the best first. */
  readonly addressesOf: (id: DeviceId) => readonly string[]
  readonly onLink: (link: Link) => void
  readonly onLinkClosed: (link: Link, reason: string) => void
  /** The other end says that this device is no member of anything that they share. */
  readonly onRefused?: (peer: DeviceId) => void
  readonly onDialFailed?: (peer: DeviceId, address: string, outcome: DialOutcome) => void
  /** Give the stream a handler and answer `accept`, or say why not. */
  readonly onStream: (link: Link, topic: StreamTopic, stream: FrameStream) => string
  readonly onPoke: (link: Link) => void
  readonly onJoin: (request: JoinRequest) => Promise<JoinVerdict>
  readonly onProblem: (problem: LinkProblem) => void
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Logger
  readonly times?: Partial<LinkTimes>
}

/** All links of this device, one for each other device: takes them in, dials, and keeps dialling. */
export class LinkHub implements JoinDialer {
  /** Of this run: 32 hex digits. */
  readonly instance: string
  readonly times: LinkTimes
  readonly #options: LinkHubOptions
  readonly #context: SecureContext
  readonly #sweeper: DeadlineSweeper
  readonly #gate: StrangerGate
  readonly #listener: LinkListener
  readonly #dialer: PeerDialer
  readonly #desk: JoinDesk
  readonly #links: LinkTable<TlsLink>
  readonly #connections = new OpenConnections<TlsLink>()
  readonly #abort = new AbortController()

  constructor(options: LinkHubOptions) {
    this.#options = options
    const { suite, clock } = options
    const times: LinkTimes = { ...linkTimes, ...options.times }
    this.times = times
    this.instance = toHex(options.random(shortIdLength))
    this.#context = tlsContext(deviceCertificate(options.identity))
    this.#sweeper = new DeadlineSweeper(times.sweepMs, () => clock.monotonic())
    this.#gate = new StrangerGate(() => clock.monotonic())
    this.#links = new LinkTable({
      deviceId: this.deviceId,
      instance: this.instance,
      members: options,
      onProblem: (code, link, message) => this.#problem(code, link, message),
      clock,
      overlapMs: times.handshakeMs,
    })
    this.#listener = new LinkListener({
      suite,
      context: this.#context,
      gate: this.#gate,
      times,
      onConnection: (connection) => this.#welcome(connection),
      onRefused: (address, message) => options.log.debug({ address, message }, 'connection refused'),
    })
    this.#dialer = new PeerDialer({
      attempt: (peer) =>
        dialRound(
          () => options.addressesOf(peer),
          (address) => this.#dial(peer, address),
        ),
      isLinked: (peer) => this.#links.has(peer),
      times,
      random: () => (options.random(1)[0] ?? 0) / 255,
    })
    this.#desk = new JoinDesk({
      suite,
      deviceId: options.identity.deviceId,
      times,
      onJoin: options.onJoin,
      onFailure: (address) => this.#gate.failed(hostOf(address)),
    })
  }

  get deviceId(): DeviceId {
    return this.#options.identity.deviceId
  }

  /** Where it listens, as it was bound. */
  get listening(): readonly string[] {
    const { bound } = this.#listener
    return bound === undefined ? [] : [formatHostPort(bound)]
  }

  /** Where others may reach this device, for invitations. */
  get reachable(): readonly string[] {
    const { bound } = this.#listener
    return bound === undefined ? [] : reachableAddresses(bound)
  }

  /** Throws HarpError LINK_PORT_TAKEN or LINK_LISTEN_FAILED. */
  async start(): Promise<void> {
    if (this.#options.listen !== undefined) await this.#listener.start(this.#options.listen)
  }

  links(): readonly Link[] {
    return this.#links.all
  }

  link(peer: DeviceId): Link | undefined {
    return this.#links.get(peer)
  }

  /** Those to be linked with, and dialled whenever they are not. Links with others end. */
  setPeers(ids: Iterable<DeviceId>): void {
    const wanted = new Set(ids)
    wanted.delete(this.deviceId)
    for (const link of this.#links.all) if (!wanted.has(link.peer)) link.close('no member any more')
    this.#dialer.setPeers(wanted)
  }

  /** At once, whatever the back-off says. Nothing happens to a device that there is a link to. */
  dialNow(peer: DeviceId): void {
    if (peer !== this.deviceId && !this.#links.has(peer)) this.#dialer.dialNow(peer)
  }

  /**
   * Over a better address than that of the link there is: the new link takes its place at both ends, once it is open.
   * Returns whether it did.
   */
  async dialBetter(peer: DeviceId, address: string): Promise<boolean> {
    const found = await this.#dialAddress(address, peer, 'sync')
    if ('state' in found) {
      this.#options.onDialFailed?.(peer, address, found)
      return false
    }
    if (this.#abort.signal.aborted || !this.#links.has(peer)) {
      found.socket.destroy()
      return false
    }
    return this.#connect(found, true).opened
  }

  async dialJoin(address: string, expected: DeviceId): Promise<SecureConnection | ConnectionRefusal> {
    const found = await this.#dialAddress(address, expected, 'join')
    if ('peer' in found) this.#connections.addJoin(found.socket)
    return found
  }

  /** Says goodbye to all. Nothing is open after it. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#dialer.stop()
    this.#listener.stop()
    await this.#connections.close()
    this.#sweeper.stop()
  }

  readonly #hello = (): Hello => ({
    type: 'hello',
    instance: this.instance,
    name: deviceName(this.#options.name),
    listens: this.reachable,
    features: [linkFeatures.presence],
  })

  /** A connection that came in. */
  #welcome(connection: SecureConnection): void {
    const { socket, peer, protocol } = connection
    const isMember = this.#options.isMember(peer)
    if (protocol === 'sync' && (isMember || peer === this.deviceId)) {
      if (this.#connections.isCrowded(peer)) socket.destroy()
      else this.#connect(connection, isMember)
      return
    }
    const leave = this.#gate.enterStranger()
    if (leave === undefined) {
      socket.destroy()
      return
    }
    socket.once('close', leave)
    if (protocol === 'sync') this.#connect(connection, false)
    else {
      this.#connections.addJoin(connection.socket)
      this.#desk.serve(connection, this.#gate.isBarred(hostOf(connection.address)))
    }
  }

  #connect(connection: SecureConnection, isMember: boolean): TlsLink {
    const link = new TlsLink(connection, {
      clock: this.#options.clock,
      sweeper: this.#sweeper,
      hello: this.#hello,
      isMember,
      times: this.times,
      hooks: this.#hooks,
    })
    this.#connections.add(link)
    return link
  }

  async #dial(peer: DeviceId, address: string): Promise<boolean> {
    const found = await this.#dialAddress(address, peer, 'sync')
    // NOTE: meanwhile it may have dialled us.
    if (this.#abort.signal.aborted || this.#links.has(peer)) {
      if ('peer' in found) found.socket.destroy()
      return true
    }
    if ('state' in found) {
      this.#options.log.debug({ peer, address, problem: found.message }, 'no link')
      this.#options.onDialFailed?.(peer, address, found)
      return false
    }
    return (await this.#connect(found, true).opened) || this.#links.has(peer)
  }

  #dialAddress(
    address: string,
    expected: DeviceId,
    protocol: ProtocolName,
  ): Promise<SecureConnection | ConnectionRefusal> {
    const { suite } = this.#options
    return dialSecure(address, {
      suite,
      context: this.#context,
      protocol,
      expected,
      signal: this.#abort.signal,
      times: this.times,
    })
  }

  readonly #hooks: LinkHooks = {
    admit: (link) => (this.#abort.signal.aborted ? 'stopping' : this.#links.refusal(link)),
    onOpen: (link) => this.#opened(link),
    onStream: (link, topic, stream) => this.#options.onStream(link, topic, stream),
    onPoke: (link) => this.#options.onPoke(link),
    onFault: (link, detail) => this.#problem('LINK_FAULT', link, detail),
    onGone: (link, reason) => this.#gone(link, reason),
  }

  #opened(link: TlsLink): void {
    this.#links.put(link)?.close('duplicate')
    const { log, onLink } = this.#options
    log.info({ peer: link.peer, name: link.peerName, address: link.address }, 'link opened')
    onLink(link)
  }

  #gone(link: TlsLink, reason: string): void {
    const { log, clock, onLinkClosed } = this.#options
    log.info({ peer: link.peer, address: link.address, reason }, 'link closed')
    this.#links.drop(link)
    if (link.openedAt === undefined) {
      if (link.isDialled && reason !== 'duplicate' && !this.#abort.signal.aborted) {
        this.#options.onDialFailed?.(link.peer, link.address, { state: 'refused', message: reason })
      }
      if (reason === noMember && link.isDialled) this.#options.onRefused?.(link.peer)
      return
    }
    onLinkClosed(link, reason)
    if (!this.#links.has(link.peer)) this.#dialer.lost(link.peer, clock.monotonic() - link.openedAt)
  }

  #problem(code: LinkErrorCode, link: TlsLink, message: string): void {
    const { fix } = linkErrors[code]
    this.#options.log.warn({ code, peer: link.peer, address: link.address }, message)
    this.#options.onProblem({ code, peer: link.peer, address: link.address, message, fix })
  }
}

function hostOf(address: string): string {
  return parseHostPort(address)?.host ?? address
}
