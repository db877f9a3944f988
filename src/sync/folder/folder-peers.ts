import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceId, FolderId } from '../ids.ts'
import type { FrameStream, Link, StreamTopic } from '../link/link.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { FolderPresence } from '../presence/folder-presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import type { ChunkServer } from '../transfer/chunk-server.ts'
import { LogSession } from './log-session.ts'
import { PeerFaults } from './peer-faults.ts'
import { Refusals } from './refusals.ts'

export interface FolderPeersParts {
  readonly folderId: FolderId
  readonly replica: Replica
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly log: Logger
  readonly fetcher: ChunkFetcher
  readonly server: ChunkServer
  readonly presence: FolderPresence
  /** Believed to be a member until the log says who is one. */
  readonly trusted: () => DeviceId | undefined
  /** The same, while the log has to be put together again. */
  readonly knew: () => readonly DeviceId[]
  /** This device knows nothing of the folder yet: who has the log may give it, and nothing else. */
  readonly isBlank: () => boolean
  /** This device is no member itself any more. */
  readonly isOut: () => boolean
  /** Of other devices, as they call themselves. */
  readonly nameOf: (device: DeviceId) => string | undefined
  readonly onGrown: (acceptance: Acceptance | undefined) => void
  /** A device that may have what was not to be had. */
  readonly onSource: () => void
  /** Runs something that may meet a store that fails. */
  readonly guard: (act: () => void) => void
}

interface FolderPeer {
  readonly link: Link
  session: LogSession | undefined
  /** On which we ask for chunks. */
  asking: FrameStream | undefined
  /** When to ask again for streams that were refused. */
  retryAt: number
  /** Log sessions in a row in which it said nothing. */
  silent: number
}

const retryMs = 3_000
const longestRetryMs = 15_000
/** Says who does not take the other end for a member. */
const noMember = 'not a member as far as is known here'
/** Says so who cannot know. */
const noLog = 'the log has not come yet'

/** Who may have the folder, on which links: a log session and two chunk streams (one for each that asks) with each. */
export class FolderPeers {
  readonly #parts: FolderPeersParts
  readonly #peers = new Map<DeviceId, FolderPeer>()
  readonly #faults: PeerFaults
  readonly #refusals: Refusals
  #isActive = true

  constructor(parts: FolderPeersParts) {
    this.#parts = parts
    this.#faults = new PeerFaults(parts.suite, parts.clock)
    this.#refusals = new Refusals(parts, parts.clock, (device) => this.isMember(device))
  }

  /** All connected devices that have the folder say that they have the same log. */
  get isIdle(): boolean {
    for (const { session } of this.#peers.values()) if (session !== undefined && !session.isIdle) return false
    return true
  }

  get connected(): number {
    let count = 0
    for (const { session } of this.#peers.values()) if (session !== undefined) count++
    return count
  }

  linkOf(device: DeviceId): Link | undefined {
    const peer = this.#peers.get(device)
    return peer?.session === undefined ? undefined : peer.link
  }

  /** By the log as it is here. A device whose grant has not come yet is refused, and asks again. */
  isMember(device: DeviceId): boolean {
    const { replica, trusted, knew, isOut } = this.#parts
    const { log } = replica
    if (isOut()) return false
    if (device === trusted() || knew().includes(device)) return true
    return log.membership.roleOf(device, log.heads()) !== undefined
  }

  /** Who this device would call a stranger may be a member that it has not heard of. */
  get isBlank(): boolean {
    return this.#isActive && this.#parts.isBlank()
  }

  /** It has the folder, and this device is out of it. */
  hasLeft(device: DeviceId): boolean {
    const { log } = this.#parts.replica
    return this.#parts.isOut() && log.membership.roleOf(device, log.heads()) !== undefined
  }

  members(): readonly DeviceId[] {
    const { replica } = this.#parts
    const { log, deviceId } = replica
    const trusted = this.#parts.trusted()
    const members = log.membership.members(log.heads()).map((member) => member.deviceId)
    const believed = [...(trusted === undefined ? [] : [trusted]), ...this.#parts.knew()]
    for (const device of believed) if (!members.includes(device)) members.push(device)
    return members.filter((member) => member !== deviceId)
  }

  linked(link: Link): void {
    this.#peers.set(link.peer, { link, session: undefined, asking: undefined, retryAt: 0, silent: 0 })
    this.#parts.guard(() => this.tick())
  }

  /** A link that was there before this device knew that its other end has the folder. */
  meet(link: Link): void {
    if (this.#peers.get(link.peer)?.link !== link) this.linked(link)
  }

  unlinked(link: Link): void {
    const peer = this.#peers.get(link.peer)
    if (peer?.link !== link) return
    this.#drop(peer)
    this.#peers.delete(link.peer)
  }

  /** Opens what is not open: streams that were refused, or broke. */
  tick(): void {
    if (!this.#isActive) return
    const now = this.#parts.clock.monotonic()
    for (const peer of this.#peers.values()) {
      peer.session?.checkDeadline()
      if (peer.session?.peerSize !== undefined) this.#heard(peer)
      if (peer.retryAt > now || !this.isMember(peer.link.peer)) continue
      if (peer.session !== undefined && peer.asking !== undefined && !this.#wantsPresence(peer)) continue
      peer.retryAt = now + Math.min(retryMs * 2 ** peer.silent, longestRetryMs)
      if (this.#faults.isBarred(peer.link.peer)) continue
      if (peer.session === undefined && peer.link.isDialled) this.#openLog(peer)
      if (peer.silent > 0 || !this.#mayHaveContent(peer.link.peer)) continue
      if (peer.asking === undefined && peer.session !== undefined) this.#openChunks(peer)
      if (this.#wantsPresence(peer)) this.#openPresence(peer)
    }
    this.#parts.presence.tick()
  }

  /** The peer may now take what it refused before. */
  poked(link: Link): void {
    const peer = this.#peers.get(link.peer)
    if (peer?.link !== link) return
    peer.retryAt = 0
    this.#parts.guard(() => this.tick())
  }

  /** A stream that the peer opened. Returns why not. */
  accept(link: Link, stream: FrameStream): string {
    let answer = 'the folder has stopped here'
    this.#parts.guard(() => {
      answer = this.#accept(link, stream)
    })
    return answer
  }

  #accept(link: Link, stream: FrameStream): string {
    if (!this.#isActive) return 'the folder is paused here'
    if (!this.#mayTalk(link.peer)) return noMember
    if (stream.topic.type !== 'log' && !this.#mayHaveContent(link.peer)) return noLog
    const peer = this.#peers.get(link.peer)
    if (peer?.link !== link) return 'not linked here'
    if (stream.topic.type === 'log') {
      if (this.#faults.isBarred(link.peer)) return 'refused for what it sent'
      peer.session?.close('replaced by another session')
      this.#startLog(peer, stream)
    } else if (stream.topic.type === 'presence') {
      if (!this.#parts.presence.takes(link.peer)) return 'refused for what it sent'
      this.#parts.presence.begin(link, stream)
    } else if (!this.#parts.server.serve(stream)) return 'too many chunk streams'
    return 'accept'
  }

  /** The log has grown here. */
  changed(): void {
    this.#parts.guard(() => {
      for (const peer of this.#peers.values()) {
        peer.session?.changed()
        // A revocation takes effect at once on this device's links.
        if (!this.#mayTalk(peer.link.peer)) this.#drop(peer)
      }
    })
  }

  compareAgain(): void {
    for (const { session } of this.#peers.values()) session?.compareAgain()
  }

  /** Whether it said that it has this entry; undefined while there is no session with it. */
  hasEntry(device: DeviceId, entry: LogEntry): boolean | undefined {
    return this.#peers.get(device)?.session?.peerHas(entry)
  }

  /** Of chunks, to all. */
  get sentBytes(): number {
    return this.#parts.server.sentBytes
  }

  /** Times that a device broke the rules. */
  get strikes(): number {
    return this.#faults.count
  }

  /** Another member says that this device is none, and does not stop saying so. */
  get isRefused(): boolean {
    return this.#refusals.problems.length > 0
  }

  /** It takes no link with this device. */
  refusedBy(device: DeviceId): void {
    if (this.isMember(device)) this.#refusals.note(device)
  }

  charge(source: string, detail: string): void {
    this.#peers.get(source)?.session?.charge(detail)
  }

  /** Who broke the rules lately, and who refuses this device. */
  get problems(): readonly FolderProblem[] {
    // As long as somebody takes this device for a member, those who refuse it may have left the folder themselves.
    return [...this.#faults.problems, ...(this.connected > 0 ? [] : this.#refusals.problems)]
  }

  /** What it sent was not what it should be; the fetcher stops asking who does so again. */
  struck(device: DeviceId, detail: string): void {
    // Who is only slow has done nothing wrong.
    if (!detail.startsWith('slow')) this.#faults.add(device, this.#peers.get(device)?.link.peerName, detail)
    this.#parts.log.warn({ device: device.slice(0, 16), detail }, 'a device broke the rules, or was too slow')
  }

  /** The stream on which we ask a device for chunks has ended; another is opened after a while. */
  sourceGone(device: DeviceId, reason: string): void {
    const peer = this.#peers.get(device)
    if (peer === undefined) return
    this.#parts.log.debug({ device: device.slice(0, 16), reason }, 'chunk stream ended')
    peer.asking = undefined
    peer.retryAt = Math.max(peer.retryAt, this.#parts.clock.monotonic() + retryMs)
  }

  /** Pauses: all streams of this folder end. */
  stop(): void {
    this.#isActive = false
    for (const peer of this.#peers.values()) this.#drop(peer)
  }

  start(): void {
    if (this.#isActive) return
    this.#isActive = true
    for (const peer of this.#peers.values()) {
      peer.retryAt = 0
      peer.link.poke()
    }
    this.#parts.guard(() => this.tick())
  }

  /** Of the log. Who opens a stream for it knows the folder's id; nobody else is told of it. */
  #mayTalk(device: DeviceId): boolean {
    if (this.isMember(device)) return true
    return this.isBlank && this.#parts.replica.log.membership.revokesOf(device).length === 0
  }

  /** Who is only believed to be a member until the log is here gets the log, as what it says is checked. */
  #mayHaveContent(device: DeviceId): boolean {
    const { replica, trusted, isOut } = this.#parts
    const { log } = replica
    if (isOut()) return false
    return device === trusted() || log.membership.roleOf(device, log.heads()) !== undefined
  }

  #heard(peer: FolderPeer): void {
    this.#refusals.clear(peer.link.peer)
    if (peer.silent === 0) return
    peer.silent = 0
    peer.retryAt = 0
  }

  #openLog(peer: FolderPeer): void {
    const stream = this.#open(peer, 'log')
    if (stream !== undefined) this.#startLog(peer, stream)
  }

  #startLog(peer: FolderPeer, stream: FrameStream): void {
    const { replica, suite, clock, log, onGrown, guard } = this.#parts
    const session: LogSession = new LogSession(stream, {
      replica,
      suite,
      clock,
      guard,
      onGrown: (acceptance) => onGrown(acceptance),
      onClosed: (closed, reason) => {
        log.debug({ device: peer.link.peer.slice(0, 16), reason }, 'log session ended')
        if (closed.brokeRules) {
          this.struck(closed.peer, reason)
          this.#faults.bar(closed.peer)
        }
        if (reason === noMember) this.refusedBy(closed.peer)
        if (peer.session !== closed) return
        peer.session = undefined
        peer.silent = closed.peerSize === undefined ? peer.silent + 1 : 0
        this.#stopAsking(peer)
      },
    })
    peer.session = session
    // Who refused the last one may refuse this one too: it is asked for nothing before it has said something.
    if (peer.silent > 0 || !this.#mayHaveContent(peer.link.peer)) return
    if (peer.asking === undefined) this.#openChunks(peer)
    if (this.#wantsPresence(peer)) this.#openPresence(peer)
  }

  #openChunks(peer: FolderPeer): void {
    const { fetcher, onSource } = this.#parts
    const stream = this.#open(peer, 'chunks')
    if (stream === undefined) return
    peer.asking = stream
    const { link } = peer
    fetcher.addPeer(
      link.peer,
      stream,
      () => link.roundTripMs,
      () => link.bytesIn,
    )
    onSource()
  }

  /** One for both ends: the one that dialled opens it. */
  #wantsPresence({ link, session }: FolderPeer): boolean {
    const { presence } = this.#parts
    if (session === undefined || !link.isDialled || link.hasPresence !== true) return false
    return !presence.hasSession(link.peer) && presence.takes(link.peer)
  }

  #openPresence(peer: FolderPeer): void {
    const stream = this.#open(peer, 'presence')
    if (stream !== undefined) this.#parts.presence.begin(peer.link, stream)
  }

  #open(peer: FolderPeer, type: StreamTopic['type']): FrameStream | undefined {
    try {
      return peer.link.open({ type, folderId: this.#parts.folderId })
    } catch (error) {
      this.#parts.log.debug({ error: String(error) }, 'cannot open a stream')
      return undefined
    }
  }

  #stopAsking(peer: FolderPeer): void {
    const { asking } = peer
    peer.asking = undefined
    this.#parts.presence.drop(peer.link.peer, 'the session has ended')
    if (asking === undefined) return
    this.#parts.fetcher.removePeer(peer.link.peer)
    asking.close('the session has ended')
  }

  #drop(peer: FolderPeer): void {
    peer.session?.close('the folder is not synced here any more')
    peer.session = undefined
    this.#stopAsking(peer)
    this.#parts.server.drop(peer.link.peer, 'the folder is not synced here any more')
  }
}
