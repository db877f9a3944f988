import { beforeEach, describe, expect, test } from 'vitest'
import type { DeviceKeys } from '../../src/sync/crypto/identity.ts'
import { createDeviceKeys } from '../../src/sync/crypto/identity.ts'
import type { RandomBytes } from '../../src/sync/crypto/suite.ts'
import { checkSnapshot } from '../../src/sync/exchange/check-snapshot.ts'
import { ExchangeSession } from '../../src/sync/exchange/exchange-session.ts'
import {
  makeSnapshot,
  type SnapshotIssuer,
  type SnapshotSource,
} from '../../src/sync/exchange/make-snapshot.ts'
import { openSnapshot, type SnapshotTrust } from '../../src/sync/exchange/open-snapshot.ts'
import { snapshotLimits, type SealedSnapshot, type Snapshot } from '../../src/sync/exchange/snapshot.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/sync/exchange/snapshot-codec.ts'
import { SnapshotView } from '../../src/sync/exchange/snapshot-view.ts'
import { encodeOperation } from '../../src/sync/format/operation-codec.ts'
import type { FileContent } from '../../src/sync/format/operation.ts'
import type { MapLeaf } from '../../src/sync/proof/map-path.ts'
import { FolderState } from '../../src/sync/replica/folder-state.ts'
import { Replica } from '../../src/sync/replica/replica.ts'
import { MemoryStore } from '../../src/sync/store/memory-store.ts'
import {
  makeDirectory,
  move,
  putFile,
  putSymlink,
  setAttributes,
  trash,
  type Planned,
} from '../../src/sync/tree/intents.ts'
import { fakeSuite } from './support/fake-suite.ts'
import { countingRandom, noon } from './support/log-peer.ts'

class Device {
  readonly random: RandomBytes
  readonly keys: DeviceKeys
  readonly store = new MemoryStore()
  replica!: Replica

  constructor(seed: number) {
    this.random = countingRandom(seed)
    this.keys = createDeviceKeys(fakeSuite, this.random)
  }

  get options(): { suite: typeof fakeSuite; store: MemoryStore; keys: DeviceKeys; random: RandomBytes } {
    return { suite: fakeSuite, store: this.store, keys: this.keys, random: this.random }
  }

  do(plan: (view: Replica['view'], random: RandomBytes) => Planned): void {
    const planned = plan(this.replica.view, this.random)
    if (typeof planned === 'string') throw new Error(planned)
    this.replica.write(
      planned.map((operation) => ({ operation })),
      now++,
    )
  }

  put(path: string, text: string): void {
    this.do((view, random) => putFile(view, path.split('/'), content(text), random))
  }
}

function content(text: string): FileContent {
  const manifest = new TextEncoder().encode(text)
  return {
    manifest,
    size: manifest.length,
    mtime: { seconds: -5, nanos: 7 },
    exec: false,
    hash: '5a'.repeat(32),
  }
}

let now = noon
let anna: Device
let ben: Device

/** Both have what either has. */
function meet(one: Replica, other: Replica): void {
  const open = (replica: Replica): ExchangeSession =>
    new ExchangeSession(replica, { suite: fakeSuite, folderId: anna.replica.folderId, peer: 'other' })
  const [left, right] = [open(one), open(other)]
  for (let moved = true; moved;) {
    moved = false
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const bytes = from.next(now)
      if (bytes === undefined) continue
      expect(to.receive(bytes, now).strike).toBeUndefined()
      moved = true
    }
  }
  one.commit()
  other.commit()
}

/** What a replica would hand to `makeSnapshot`. */
function sourceOf(device: Device): { source: SnapshotSource; issuer: SnapshotIssuer; state: FolderState } {
  const signed = device.replica.sign(now++)
  const state = new FolderState(fakeSuite, device.store, device.keys)
  state.load()
  state.fold.advance()
  const { folderId } = device.replica
  const epoch = state.log.membership.usableEpochs(state.log.heads()).at(-1)!
  const source: SnapshotSource = {
    signed,
    statements: { count: state.final.count, lastHash: state.final.lastHash },
    log: state.log,
    view: state.view,
    nodes: state.fold.tree.nodes(),
    leaves: state.mapLeaves(folderId)!,
    mapKey: state.keyring.mapKey(folderId)!,
  }
  const issuer = {
    suite: fakeSuite,
    keys: device.keys,
    random: device.random,
    epoch,
    epochKey: state.keyring.key(epoch)!,
  }
  return { source, issuer, state }
}

function issue(device: Device, change: Partial<SnapshotSource> = {}): SealedSnapshot {
  const { source, issuer } = sourceOf(device)
  return makeSnapshot({ ...source, ...change }, issuer)
}

function trustIn(device: Device): SnapshotTrust {
  const { state } = sourceOf(device)
  return {
    folderId: anna.replica.folderId,
    issuer: device.keys.deviceId,
    epochKey: (epoch) => state.keyring.key(epoch),
  }
}

function opened(sealed: SealedSnapshot, trust = trustIn(anna)): Snapshot {
  const snapshot = openSnapshot(fakeSuite, sealed, trust)
  if (typeof snapshot === 'string') throw new Error(snapshot)
  return snapshot
}

/** Paths, kinds and current versions. */
function listing(view: {
  walk(): Iterable<{ path: readonly string[]; shown: { kind: string } }>
}): unknown[] {
  return [...view.walk()].map(({ path, shown }) => {
    const { current, concurrent } = shown as unknown as Record<
      string,
      { hash?: string; entry?: { hash: string } }
    >
    const hashOf = (version: typeof current): unknown => version?.hash ?? version?.entry?.hash
    const others = concurrent === undefined ? [] : [...(concurrent as Iterable<typeof current>)].map(hashOf)
    return [path.join('/'), shown.kind, hashOf(current), others]
  })
}

beforeEach(() => {
  now = noon
  anna = new Device(1)
  ben = new Device(2)
  anna.replica = Replica.found(anna.options, { mode: 'server_authoritative' }, now++)
  ben.replica = Replica.open({ ...ben.options, folderId: anna.replica.folderId })
  anna.replica.grant(ben.keys.record, 'write', now++)
  anna.do((view, random) => makeDirectory(view, ['docs'], random))
  anna.put('docs/a.txt', 'one')
  anna.put('docs/a.txt', 'two')
  meet(anna.replica, ben.replica)
  // Apart: a concurrent edit, a file beside a directory of its name, a union of two directories.
  anna.put('docs/a.txt', 'anna')
  ben.put('docs/a.txt', 'ben')
  anna.do((view, random) => makeDirectory(view, ['same'], random))
  ben.do((view, random) => makeDirectory(view, ['same'], random))
  ben.put('same/x', 'x')
  anna.put('mixed', 'file')
  ben.do((view, random) => makeDirectory(view, ['mixed'], random))
  anna.do((view, random) => putSymlink(view, ['link'], '../elsewhere', random))
  anna.put('gone', 'gone')
  anna.do((view) => trash(view, ['gone']))
  anna.do((view) => setAttributes(view, ['docs', 'a.txt'], { exec: true }))
  meet(anna.replica, ben.replica)
})

describe('a snapshot', () => {
  test('shows a blank device what its issuer sees', () => {
    const snapshot = opened(issue(anna))
    const view = new SnapshotView(snapshot)
    expect(listing(view)).toEqual(listing(anna.replica.view))
    expect(listing(view).map((item) => (item as unknown[])[0])).toContain('mixed~2')
    const shown = view.at(['docs', 'a.txt'])
    const expected = anna.replica.view.at(['docs', 'a.txt'])
    if (shown?.kind !== 'file' || expected?.kind !== 'file') throw new Error('no file')
    expect(encodeOperation(shown.current.operation)).toEqual(encodeOperation(expected.current.operation))
    expect([shown.exec, shown.mtime]).toEqual([expected.exec, expected.mtime])
    expect(shown.concurrent.map(({ hash }) => hash)).toEqual(
      expected.concurrent.map(({ entry }) => entry.hash),
    )
    const same = view.at(['same'])
    expect(same?.nodes).toHaveLength(2)
    expect(view.list(same!.nodes).map(({ name }) => name)).toEqual(['x'])
    expect(view.list(view.root()).map(({ name }) => name)).toEqual([
      'docs',
      'link',
      'mixed',
      'mixed~2',
      'same',
    ])
    expect(view.at(['docs', 'a.txt', 'below'])).toBeUndefined()
    expect(view.at(['gone'])).toBeUndefined()
  })

  test('names the heads, with their clocks, and which of them are in nobody’s past', () => {
    const { heads } = opened(issue(anna))
    expect(heads.map(({ hash }) => hash)).toEqual(anna.replica.log.frontier().map(({ hash }) => hash))
    expect(heads.filter(({ isLoose }) => isLoose).map(({ hash }) => hash)).toEqual(
      anna.replica.log
        .frontier()
        .filter(({ hash }) => anna.replica.log.heads().some((head) => head.hash === hash))
        .map(({ hash }) => hash),
    )
    for (const { hash, hlc } of heads) expect(anna.replica.log.entry(hash)?.hlc).toEqual(hlc)
  })

  test('of an empty folder', () => {
    const cleo = new Device(3)
    cleo.replica = Replica.found(cleo.options, { mode: 'peer' }, now++)
    const trust = { ...trustIn(cleo), folderId: cleo.replica.folderId }
    const snapshot = opened(issue(cleo), trust)
    expect([snapshot.rows, snapshot.leaves, snapshot.heads.length]).toEqual([[], [], 1])
  })

  test('of many files comes in pages of at most 1 MiB, and none shows a name', () => {
    const text = 'm'.repeat(60_000)
    for (let index = 0; index < 40; index++) anna.put(`docs/canary-${index}`, text)
    const sealed = issue(anna)
    expect(sealed.pages.length).toBeGreaterThan(4)
    for (const page of sealed.pages) {
      expect(page.length).toBeLessThanOrEqual(snapshotLimits.pageBytes)
      expect(Buffer.from(page).includes('canary')).toBe(false)
    }
    expect(listing(new SnapshotView(opened(sealed)))).toEqual(listing(anna.replica.view))
  })
})

describe('a snapshot is refused', () => {
  const refusal = (sealed: SealedSnapshot, trust = trustIn(anna)): unknown => {
    const result = openSnapshot(fakeSuite, sealed, trust)
    return typeof result === 'string' ? result : 'opened'
  }

  test('from another folder, by another issuer, without the key', () => {
    const sealed = issue(anna)
    const trust = trustIn(anna)
    expect(refusal(sealed, trust)).toBe('opened')
    expect(refusal(sealed, { ...trust, folderId: 'ab'.repeat(32) })).toBe('foreign-folder')
    expect(refusal(sealed, { ...trust, issuer: ben.keys.deviceId })).toBe('issuer')
    expect(refusal(sealed, { ...trust, epochKey: () => undefined })).toBe('no-key')
    expect(refusal(sealed, { ...trust, epochKey: () => new Uint8Array(32) })).toBe('page')
  })

  test('with pages missing, more, swapped or of another snapshot', () => {
    const { envelope, pages } = issue(anna)
    const other = issue(anna)
    expect(refusal({ envelope, pages: pages.slice(0, -1) })).toBe('page')
    expect(refusal({ envelope, pages: [...pages, pages[0]!] })).toBe('page')
    expect(refusal({ envelope, pages: [pages[1]!, pages[0]!, ...pages.slice(2)] })).toBe('page')
    expect(refusal({ envelope, pages: other.pages })).toBe('page')
    const swapped = { ...decodeEnvelope(envelope), pages: decodeEnvelope(other.envelope).pages }
    expect(refusal({ envelope: encodeEnvelope(swapped), pages: other.pages })).toBe('signature')
  })

  test('with a bit of the envelope or of a page changed, wherever it is', () => {
    const { envelope, pages } = issue(anna)
    const trust = trustIn(anna)
    for (let bit = 0; bit < envelope.length * 8; bit += 5) {
      const changed = new Uint8Array(envelope)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(refusal({ envelope: changed, pages }, trust)).not.toBe('opened')
    }
    for (const [index, page] of pages.entries()) {
      for (let at = 0; at < page.length; at += 61) {
        const changed = new Uint8Array(page)
        changed[at]! ^= 1
        expect(refusal({ envelope, pages: pages.with(index, changed) }, trust)).toBe('page')
      }
    }
  })

  test('when its issuer lies about leaves, heads or names that belong to others', () => {
    const { source } = sourceOf(anna)
    const wrong = (leaf: MapLeaf | undefined): MapLeaf | undefined =>
      leaf && { ...leaf, count: leaf.count + 1 }
    const { leaves } = source
    const lying = {
      place: (node: string) => leaves.place(node),
      leaf: (node: string) => wrong(leaves.leaf(node)),
    }
    expect(refusal(issue(anna, { leaves: lying }))).toBe('map')
    expect(refusal(issue(anna, { mapKey: new Uint8Array(32) }))).toBe('tree')
    expect(refusal(issue(anna, { signed: ben.replica.sign(now++) }))).toBe('statement')
    const { log } = source
    const [hidden] = log.frontier()
    const fewer = {
      frontier: () => log.frontier(),
      heads: () => log.heads(),
      entry: (hash: string) => (hash === hidden!.hash ? undefined : log.entry(hash)),
    }
    expect(refusal(issue(anna, { log: fewer }))).toBe('frontier')
    const rows = [...source.view.walk()]
    const walked = (items: typeof rows): SnapshotSource['view'] => ({ walk: () => items })
    const file = rows.find(({ path }) => path.at(-1) === 'a.txt')!
    // An old version instead of the current one.
    if (file.shown.kind === 'directory') throw new Error('no file')
    const { name, nodes, mtime, versions, concurrent } = file.shown
    const old = {
      kind: 'file',
      name,
      nodes,
      mtime,
      versions,
      concurrent,
      exec: false,
      current: versions[0]!,
    } as const
    expect(
      refusal(
        issue(anna, { view: walked(rows.map((row) => (row === file ? { ...row, shown: old } : row))) }),
      ),
    ).toBe('tree')
    // A head left out; a thing twice.
    const one = { ...old, current: file.shown.current, concurrent: [] }
    expect(
      refusal(
        issue(anna, { view: walked(rows.map((row) => (row === file ? { ...row, shown: one } : row))) }),
      ),
    ).toBe('tree')
    expect(refusal(issue(anna, { view: walked([...rows, rows.at(-1)!]) }))).toBe('tree')
    expect(() =>
      issue(anna, { log: { ...source.log, frontier: () => [], entry: () => undefined, heads: () => [] } }),
    ).toThrow(RangeError)
  })
})

describe('when the history has come', () => {
  function joiner(): { cleo: Device; blank: Replica } {
    const cleo = new Device(3)
    anna.replica.grant(cleo.keys.record, 'write', now++)
    cleo.replica = Replica.open({ ...cleo.options, folderId: anna.replica.folderId })
    const blank = Replica.open({ ...cleo.options, store: new MemoryStore(), folderId: anna.replica.folderId })
    return { cleo, blank }
  }

  test('an honest snapshot agrees, also after more was written and published', () => {
    const { cleo, blank } = joiner()
    anna.replica.publish(now++)
    anna.put('docs/late', 'late')
    meet(anna.replica, ben.replica)
    // Not by the authority, which publishes what it signs.
    const snapshot = opened(issue(ben), trustIn(ben))
    expect(snapshot.statements.count).toBe(1)
    const { issuer } = snapshot.signed.statement
    expect(checkSnapshot(snapshot, cleo.replica, blank, now)).toEqual({
      verdict: 'incomplete',
      what: undefined,
      issuer,
    })
    // Offline work of another one, whose clock says that it is older.
    ben.replica.write(
      [{ operation: { type: 'mkdir', node: '7'.repeat(32), parent: '0'.repeat(32), name: 'before' } }],
      noon,
    )
    anna.do((view) => move(view, ['docs'], ['same', 'docs']))
    meet(anna.replica, ben.replica)
    anna.replica.publish(now++)
    meet(anna.replica, cleo.replica)
    expect(cleo.replica.statements.count).toBe(2)
    expect(checkSnapshot(snapshot, cleo.replica, blank, now)).toEqual({
      verdict: 'agrees',
      what: undefined,
      issuer,
    })
  })

  test('an issuer that showed another tree, or other roots, is named', () => {
    const { cleo, blank } = joiner()
    const { source, state } = sourceOf(anna)
    const rows = [...source.view.walk()].filter(({ path }) => path[0] !== 'docs')
    const hiding = opened(issue(anna, { view: { walk: () => rows } }))
    const honest = opened(issue(anna))
    const { statement } = honest.signed
    const lying = (change: object): Snapshot => ({
      ...honest,
      signed: { ...honest.signed, statement: { ...statement, ...change } },
    })
    meet(anna.replica, cleo.replica)
    const issuer = anna.keys.deviceId
    expect(checkSnapshot(hiding, cleo.replica, blank, now)).toEqual({
      verdict: 'differs',
      what: 'tree',
      issuer,
    })
    expect(checkSnapshot(lying({ logRoot: '0'.repeat(64) }), cleo.replica, blank, now).what).toBe('order')
    expect(checkSnapshot(lying({ mapRoot: '0'.repeat(64) }), cleo.replica, blank, now).what).toBe('map')
    expect(checkSnapshot(honest, cleo.replica, blank, now).verdict).toBe('agrees')
    expect(state.log.size).toBe(statement.size)
  })
})
