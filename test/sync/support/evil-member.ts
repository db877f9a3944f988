/** A member with a real link and a valid grant that says and signs what it likes, against daemons that know no better. */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { sealChunk } from '../../../src/sync/content/chunk-seal.ts'
import { contentKeysOf } from '../../../src/sync/content/content-keys.ts'
import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import type { ChunkRows, ContentKeys } from '../../../src/sync/content/content.ts'
import { packManifest } from '../../../src/sync/content/manifest.ts'
import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { concatBytes } from '../../../src/sync/format/cbor.ts'
import { encodeMessage } from '../../../src/sync/exchange/message-codec.ts'
import type { Operation, PutFile } from '../../../src/sync/format/operation.ts'
import { LogSession } from '../../../src/sync/folder/log-session.ts'
import { rootNode, toHex, type DeviceId, type FolderId, type NodeId } from '../../../src/sync/ids.ts'
import { decodeInvitation } from '../../../src/sync/link/invitation.ts'
import { join } from '../../../src/sync/link/join.ts'
import { LinkHub } from '../../../src/sync/link/link-hub.ts'
import type { FrameHandler, FrameStream, Link } from '../../../src/sync/link/link.ts'
import { decodeChunkMessage, encodeChunkMessage } from '../../../src/sync/transfer/chunk-message-codec.ts'
import type { ChunkMessage } from '../../../src/sync/transfer/chunk-message.ts'
import { eventually } from '../../support/deadline.ts'
import { EvilDevice, type EvilContent } from './evil-device.ts'
import type { RealDaemon } from './real-daemon.ts'
import { ReplicaDevice } from './replica-device.ts'

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

/** What a chunk stream that a daemon opened is answered with. */
export type Answer = (
  message: ChunkMessage,
  send: (message: ChunkMessage, payload?: Uint8Array) => void,
  stream: FrameStream,
) => void

export const silentHandler = {
  onFrame: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
} as const satisfies FrameHandler

export interface EvilFile {
  readonly bytes: Uint8Array
  readonly rows: ChunkRows
  readonly sealed: readonly Uint8Array[]
  readonly hash: string
}

export class EvilMember {
  readonly keys: DeviceKeys = createDeviceKeys(nodeSuite, random)
  readonly eyes = new ReplicaDevice(nodeSuite)
  readonly hub: LinkHub
  /** Chunks that it would give, by id. */
  readonly chunks = new Map<string, Uint8Array>()
  readonly asked: ChunkMessage[] = []
  readonly streamEnds: string[] = []
  answer: Answer = (message, send) => this.honestAnswer(message, send)
  #evil: EvilDevice | undefined
  #folderId: FolderId = ''
  #target: DeviceId = ''
  #addresses: readonly string[] = []
  #session: LogSession | undefined
  #logStream: FrameStream | undefined
  #key: Uint8Array | undefined
  /** Where it syncs its log honestly. */
  syncsLog = true

  constructor() {
    Object.assign(this.eyes, { keys: this.keys, now: Date.now() })
    this.hub = new LinkHub({
      suite: nodeSuite,
      identity: this.keys,
      name: 'Mallory',
      listen: { host: '127.0.0.1', port: 0 },
      isMember: () => true,
      addressesOf: () => this.#addresses,
      onLink: (link) => {
        if (link.isDialled && this.syncsLog) this.openLog(link)
      },
      onLinkClosed: () => {
        this.#session = undefined
      },
      onStream: (_link, topic, stream) => {
        if (topic.folderId !== this.#folderId) return 'no such folder'
        if (topic.type === 'log') {
          if (!this.syncsLog) return 'no'
          this.#start(stream)
        } else if (topic.type === 'presence') stream.setHandler(silentHandler)
        else this.#serve(stream)
        return 'accept'
      },
      onPoke: () => undefined,
      onJoin: async () => 'unknown',
      onProblem: () => undefined,
      clock: systemClock,
      random,
      log: silentLogger,
      times: { backOffFirstMs: 50, backOffLastMs: 200 },
    })
  }

  get evil(): EvilDevice {
    this.#evil ??= new EvilDevice(this.eyes, this.keys)
    return this.#evil
  }

  get folderId(): FolderId {
    return this.#folderId
  }

  get target(): DeviceId {
    return this.#target
  }

  get contentKeys(): ContentKeys {
    return contentKeysOf(nodeSuite, this.#folderId, this.eyes.replica.firstEpochKey!)
  }

  get link(): Link | undefined {
    return this.hub.link(this.#target)
  }

  /** With a valid invitation; then linked, and with the same log. */
  async joins(daemon: RealDaemon, role: 'write' | 'read' = 'write'): Promise<this> {
    await this.hub.start()
    const invitation = decodeInvitation(nodeSuite, await daemon.invite(role), Date.now())
    const grant = await join(this.hub, invitation, this.keys.record, 'Mallory')
    this.#folderId = invitation.folderId
    this.#target = invitation.inviter
    this.#addresses = invitation.addresses
    this.eyes.open(invitation.folderId)
    for (const batch of grant.batches) this.eyes.receive(batch)
    this.hub.setPeers([this.#target])
    await eventually('a link', () => this.link, { timeoutMs: 10_000 })
    if (this.syncsLog) await eventually('the log', () => (this.eyes.replica.role === role ? true : undefined))
    return this
  }

  openLog(link: Link): void {
    this.#start(link.open({ type: 'log', folderId: this.#folderId }))
  }

  /** Signs it and lets the daemon take it from its log. */
  writes(...contents: (Operation | EvilContent)[]): void {
    this.eyes.now = Math.max(this.eyes.now, Date.now())
    const all = contents.map((each) => ('type' in each ? this.evil.operation(each, this.#epochKey()) : each))
    for (let at = 0; at < all.length; at += 500) {
      const batch = this.evil.batch(all.slice(at, at + 500))
      const { refused } = this.eyes.receive(batch)
      if (refused !== undefined) throw new Error(`not even its own log takes it: ${JSON.stringify(refused)}`)
    }
    this.#session?.changed()
  }

  /** As it is, whatever its own log thinks of it. */
  sendsBatch(bytes: Uint8Array): void {
    this.#logStream?.send(encodeMessage({ type: 'batch', head: toHex(random(32)), bytes }))
  }

  /** Takes in what others wrote, up to now. */
  async sees(path: readonly string[]): Promise<void> {
    await eventually('an entry', () => this.eyes.replica.view.at(path), { timeoutMs: 40_000 })
  }

  /** Ids of chunks of a file that it sees, over and over until there are so many. */
  idsOf(name: string, count: number): Uint8Array {
    const shown = this.eyes.replica.view.at([name])
    if (shown === undefined || shown.kind === 'directory') throw new Error(`${name} is no file`)
    const list = this.eyes.replica.log.record(shown.current.entry).chunkList!
    const ids = new Uint8Array(count * 32)
    for (let at = 0; at < count; at++) {
      const from = (at * 32) % list.length
      ids.set(list.subarray(from, from + 32), at * 32)
    }
    return ids
  }

  node(): NodeId {
    return toHex(random(16))
  }

  file(bytes: Uint8Array, chunkLength = 256 * 1024): EvilFile {
    const sealed: Uint8Array[] = []
    const ids: Uint8Array[] = []
    const keys: Uint8Array[] = []
    const lengths: number[] = []
    for (let at = 0; at < bytes.length; at += chunkLength) {
      const part = bytes.subarray(at, at + chunkLength)
      const chunk = sealChunk(this.contentKeys, part)
      sealed.push(chunk.sealed)
      ids.push(chunk.id)
      keys.push(chunk.key)
      lengths.push(part.length)
      this.chunks.set(toHex(chunk.id), chunk.sealed)
    }
    const rows = {
      ids: concatBytes(...ids),
      keys: concatBytes(...keys),
      lengths: Uint32Array.from(lengths),
    }
    return { bytes, rows, sealed, hash: toHex(nodeContentSuite.hash(bytes)) }
  }

  /** A put of a file, as an honest device would write it, unless told otherwise. */
  put(
    name: string,
    { bytes, rows, hash }: Pick<EvilFile, 'bytes' | 'rows' | 'hash'>,
    more: Partial<Omit<PutFile, 'content'>> & { readonly content?: Partial<PutFile['content']> } = {},
  ): EvilContent {
    const { manifest, chunkList } = packManifest(this.contentKeys, rows)
    const operation: PutFile = {
      type: 'put',
      node: this.node(),
      parent: rootNode,
      name,
      bases: [],
      ...more,
      content: {
        manifest,
        size: bytes.length,
        mtime: { seconds: 1_700_000_000, nanos: 0 },
        exec: false,
        hash,
        ...more.content,
      },
    }
    return this.withChunks(operation, chunkList)
  }

  withChunks(operation: Operation, chunkList: Uint8Array): EvilContent {
    const content = this.evil.operation(operation, this.#epochKey())
    if (chunkList.length === 0) return content
    const chunks = { hash: toHex(nodeSuite.hash(chunkList)), count: chunkList.length / 32 }
    return chunks.count > 2_048 ? { ...content, chunks } : { ...content, chunks, chunkList }
  }

  honestAnswer(message: ChunkMessage, send: (message: ChunkMessage, payload?: Uint8Array) => void): void {
    if (message.type === 'want') {
      for (let place = 0; place < message.ids.length / 32; place++) {
        const id = toHex(message.ids.subarray(place * 32, place * 32 + 32))
        const bytes = this.chunks.get(id)
        const lengths = [bytes?.length ?? 0]
        send({ type: 'chunks', request: message.request, first: place, lengths }, bytes)
      }
    } else if (message.type === 'want-list') {
      const { request, offset } = message
      send({ type: 'list', request, offset, total: 0 })
    }
  }

  async stop(): Promise<void> {
    await this.hub.stop()
  }

  /** Opening the wraps again for each of thousands of operations would take long. */
  #epochKey(): Uint8Array {
    this.#key ??= this.evil.epochKey()
    return this.#key
  }

  #start(stream: FrameStream): void {
    this.#logStream = stream
    this.#session = new LogSession(stream, {
      replica: this.eyes.replica,
      suite: nodeSuite,
      clock: systemClock,
      guard: (act) => act(),
      onGrown: () => undefined,
      onClosed: (_session, reason) => void this.streamEnds.push(`log: ${reason}`),
    })
  }

  #serve(stream: FrameStream): void {
    const send = (message: ChunkMessage, payload?: Uint8Array): void => {
      stream.send(encodeChunkMessage(message), payload)
    }
    stream.setHandler({
      onFrame: (head, payload) => {
        const message = decodeChunkMessage(head, payload.length)
        this.asked.push(message)
        this.answer(message, send, stream)
      },
      onDrain: () => undefined,
      onClose: (reason) => void this.streamEnds.push(`chunks: ${reason}`),
    })
  }
}

/** A tame beginning for most tests: Anna's folder, Ben in it, and Mallory. */
export class EvilWorld {
  readonly #daemons: RealDaemon[] = []
  readonly #members: EvilMember[] = []

  async daemon(make: () => RealDaemon): Promise<RealDaemon> {
    const daemon = make()
    this.#daemons.push(daemon)
    return daemon.start()
  }

  async member(daemon: RealDaemon, role: 'write' | 'read' = 'write'): Promise<EvilMember> {
    const member = new EvilMember()
    this.#members.push(member)
    return member.joins(daemon, role)
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.splice(0).map((member) => member.stop()))
    await Promise.all(this.#daemons.splice(0).map((daemon) => daemon.remove()))
  }
}
