/**
 * A folder's log without a replica: real entries in a given order, the versions of each node, and signed statements
 * about any state of it. What proofs are made from, with nothing else in the way.
 */
import { epochIdOf, mapKeyOf } from '../../../src/sync/crypto/epoch-keys.ts'
import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../../../src/sync/crypto/suite.ts'
import { chainStart } from '../../../src/sync/format/entry-codec.ts'
import { makeEntry } from '../../../src/sync/format/entry-maker.ts'
import type { EntryRecord } from '../../../src/sync/format/entry.ts'
import type { Operation, PutFile } from '../../../src/sync/format/operation.ts'
import { entrySecret } from '../../../src/sync/format/sealing.ts'
import { signStatement, statementHash } from '../../../src/sync/format/statement-codec.ts'
import type { SignedStatement, Statement } from '../../../src/sync/format/statement.ts'
import { type NodeId, noHash, rootNode, toHex } from '../../../src/sync/ids.ts'
import type { HistorySource } from '../../../src/sync/proof/make-history-proof.ts'
import { type ContentSource, MapLeaves } from '../../../src/sync/proof/map-leaves.ts'
import { MerkleLog } from '../../../src/sync/proof/merkle-log.ts'

/** The same bytes for the same seed, on every machine. */
export function seededRandom(suite: Pick<CryptoSuite, 'hash'>, seed: string): RandomBytes {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      const block = suite.hash(new TextEncoder().encode(`${seed}/${count++}`))
      bytes.set(block.subarray(0, length - offset), offset)
    }
    return bytes
  }
}

interface WorldVersion {
  readonly entry: EntryRecord
  readonly bases: readonly string[]
}

export interface WorldOptions {
  readonly seed: string
  readonly devices?: number
}

export class ProofWorld implements ContentSource {
  readonly suite: CryptoSuite
  readonly random: RandomBytes
  readonly devices: readonly DeviceKeys[]
  readonly folderId: string
  readonly epochKey: Uint8Array
  readonly leaves: MapLeaves
  readonly log: MerkleLog
  readonly entries: EntryRecord[] = []
  readonly #chains = new Map<DeviceKeys, EntryRecord>()
  readonly #incarnations = new Map<DeviceKeys, string>()
  readonly #versions = new Map<NodeId, WorldVersion[]>()
  readonly #changed = new Set<NodeId>()
  readonly #statements = new Map<DeviceKeys, SignedStatement>()

  constructor(suite: CryptoSuite, options: WorldOptions) {
    this.suite = suite
    this.random = seededRandom(suite, options.seed)
    this.devices = Array.from({ length: options.devices ?? 2 }, () => createDeviceKeys(suite, this.random))
    this.folderId = toHex(this.random(32))
    this.epochKey = this.random(32)
    this.leaves = new MapLeaves(suite, mapKeyOf(suite, this.folderId, this.epochKey), this)
    this.log = new MerkleLog(suite)
  }

  device(index = 0): DeviceKeys {
    return this.devices[index % this.devices.length]!
  }

  newNode(): NodeId {
    return toHex(this.random(16))
  }

  heads(node: NodeId): string[] {
    const versions = this.#versions.get(node) ?? []
    const replaced = new Set(versions.flatMap((version) => version.bases))
    return versions
      .map(({ entry }) => entry.hash)
      .filter((hash) => !replaced.has(hash))
      .toSorted()
  }

  /** A version by this device that replaces all heads, unless other bases are given. */
  put(
    node: NodeId,
    content: string,
    more: { device?: number; bases?: readonly string[]; manifest?: number } = {},
  ): EntryRecord {
    const hash = toHex(this.suite.hash(new TextEncoder().encode(content)))
    const operation: PutFile = {
      type: 'put',
      node,
      parent: rootNode,
      name: 'notes.txt',
      content: {
        manifest: more.manifest === undefined ? this.random(64) : new Uint8Array(more.manifest),
        size: content.length,
        mtime: { seconds: 1_700_000_000 + this.entries.length, nanos: 5 },
        exec: false,
        hash,
      },
      bases: more.bases ?? this.heads(node),
    }
    return this.write(operation, this.device(more.device), 1)
  }

  write(operation: Operation, keys: DeviceKeys = this.device(), chunks = 0): EntryRecord {
    const before = this.#chains.get(keys)
    const incarnation = this.#incarnations.get(keys) ?? toHex(this.random(16))
    this.#incarnations.set(keys, incarnation)
    const last = this.entries.at(-1)
    const entry = makeEntry(this.suite, {
      folderId: this.folderId,
      deviceId: keys.deviceId,
      incarnation,
      seq: before === undefined ? 0 : before.meta.seq + 1,
      hlc: { ms: 1_700_000_000_000 + this.entries.length, counter: 0 },
      parents: last === undefined || last.meta.deviceId === keys.deviceId ? [] : [last.hash],
      prev: before?.hash ?? chainStart(this.suite, this.folderId, keys.deviceId, incarnation),
      kind: 'operation',
      epoch: epochIdOf(this.suite, this.epochKey),
      epochKey: this.epochKey,
      operation,
      chunkList: this.random(32 * chunks),
    })
    this.#chains.set(keys, entry)
    this.entries.push(entry)
    this.log.append(entry.hash)
    if (operation.type === 'put' || operation.type === 'symlink') {
      const versions = this.#versions.get(operation.node) ?? []
      versions.push({ entry, bases: operation.bases })
      this.#versions.set(operation.node, versions)
      this.#changed.add(operation.node)
    }
    return entry
  }

  takeChangedContent(): NodeId[] {
    const taken = [...this.#changed]
    this.#changed.clear()
    return taken
  }

  contentState(node: NodeId): { heads: string[]; versions: readonly WorldVersion[] } | undefined {
    const versions = this.#versions.get(node)
    return versions === undefined ? undefined : { heads: this.heads(node), versions }
  }

  /** A statement by a device about the log as it stands; `more` makes it say something else. */
  sign(keys: DeviceKeys = this.device(), more: Partial<Statement> = {}): SignedStatement {
    const before = this.#statements.get(keys)
    const signed = signStatement(this.suite, keys, {
      folderId: this.folderId,
      issuer: keys.deviceId,
      index: before === undefined ? 0 : before.statement.index + 1,
      size: this.log.size,
      logRoot: this.log.root(),
      mapRoot: this.leaves.root(),
      frontierHash: 'fe'.repeat(32),
      hlc: { ms: 1_700_000_000_000 + this.entries.length, counter: 1 },
      previous: before === undefined ? noHash : statementHash(this.suite, before.bytes),
      ...more,
    })
    this.#statements.set(keys, signed)
    return signed
  }

  source(signed: SignedStatement): HistorySource<EntryRecord> {
    const { suite, epochKey, leaves, log } = this
    return {
      signed,
      leaves,
      log,
      contentState: (node) => this.contentState(node),
      record: (entry) => entry,
      secret: (record) => entrySecret(suite, epochKey, record.meta, record.prev, record.body),
    }
  }
}

/** What a verifier trusts who knows the folder and its first device. */
export function trustOf(world: ProofWorld): { folderId: string; devices: string[] } {
  return { folderId: world.folderId, devices: [world.device().deviceId] }
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return changed
}

export function contentHashOf(suite: Pick<CryptoSuite, 'hash'>, content: string): string {
  return toHex(suite.hash(new TextEncoder().encode(content)))
}
