import { assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allBatches, LogPeer } from './support/log-peer.ts'
import { decodeBatch, encodeBatch, trimBatch } from '../../src/sync/format/batch-codec.ts'
import type { EntryHash } from '../../src/sync/ids.ts'
import { Log } from '../../src/sync/log/log.ts'
import { MemoryStore } from '../../src/sync/store/memory-store.ts'
import { compareHlc } from '../../src/sync/log/hlc.ts'
import type { LogEntry } from '../../src/sync/log/log-entry.ts'

/** More with HARP_LOG_RUNS=50, which multiplies them. */
const runs = (usual: number): number => usual * Number(process.env['HARP_LOG_RUNS'] ?? 1)

/** A small seeded generator: the same schedule again from the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

interface World {
  readonly peers: LogPeer[]
  readonly admin: LogPeer
}

/** Devices that write, exchange, come and go, and are cloned; each writes only what its own log allows. */
function history(seed: number, steps: number): World {
  const pick = chance(seed)
  const admin = new LogPeer(1)
  admin.found()
  const peers = [admin, new LogPeer(2), new LogPeer(3), new LogPeer(4)]
  for (const peer of peers.slice(1)) admin.admit(peer)
  for (let step = 0; step < steps; step++) {
    const peer = peers[pick(peers.length)]!
    const other = peers[pick(peers.length)]!
    const what = pick(20)
    if (what < 8) writeSome(peer, 1 + pick(3))
    else if (what < 16) peer.pull(other)
    else if (what === 16 && peers.length < 7) peers.push(peer.clone())
    else if (what === 17) changeMembers(admin, other, pick(3))
    else peer.now += pick(1_000)
  }
  return { peers, admin }
}

function writeSome(peer: LogPeer, count: number): void {
  const { membership } = peer.log
  const heads = peer.log.heads()
  const role = membership.roleOf(peer.id, heads)
  if (role !== 'write' && role !== 'admin') return
  // A device that meets entries of its own chain which it has not written stops using that chain.
  const ended = peer.log.branchHeads().filter((head) => head.incarnation === peer.writer.incarnation)
  if (ended.some(({ hash }) => hash !== peer.writer.prev)) return
  const epochs = membership.usableEpochs(heads)
  if (epochs.length === 0) peer.write(peer.rekey())
  else peer.write(...Array.from({ length: count }, () => peer.operation('x', epochs[0])))
}

function changeMembers(admin: LogPeer, other: LogPeer, what: number): void {
  if (admin.log.membership.roleOf(admin.id, admin.log.heads()) !== 'admin' || other.id === admin.id) return
  if (what === 0) admin.write(admin.revoke(other.id))
  else if (what === 1) admin.write(admin.grant(other.record, 'write'))
  else admin.write(admin.rekey())
}

function everything({ peers }: World): Uint8Array[] {
  return peers.flatMap(({ log }) => allBatches(log))
}

/** Some order, some twice, some cut in two; a part comes only with all after it, so the tail of each is sent at the end. */
function delivered(
  batches: Uint8Array[],
  suite: LogPeer['suite'],
  pick: (below: number) => number,
): Uint8Array[] {
  const order: Uint8Array[] = []
  for (const bytes of batches) {
    const batch = decodeBatch(suite, bytes)
    const cut = pick(batch.entries.length)
    if (pick(2) === 0) order.push(encodeBatch(trimBatch(batch, cut)))
    order.push(bytes)
    if (pick(3) === 0) order.push(bytes)
  }
  for (let index = order.length - 1; index > 0; index--) {
    const other = pick(index + 1)
    ;[order[index], order[other]] = [order[other]!, order[index]!]
  }
  return order
}

function receiveAll(admin: LogPeer, batches: Uint8Array[]): Log {
  const log = new Log(admin.suite, new MemoryStore())
  log.expectFolder(admin.log.folderId!)
  for (const bytes of batches) {
    const { refused, refusedLater, dropped } = log.accept(bytes, 'anyone', admin.now + 1e9)
    expect([refused, refusedLater, dropped]).toEqual([undefined, [], []])
  }
  return log
}

/** The past of each entry, by walking the graph. */
function pasts(log: Log): Map<EntryHash, Set<EntryHash>> {
  const found = new Map<EntryHash, Set<EntryHash>>()
  const past = (entry: LogEntry): Set<EntryHash> => {
    const known = found.get(entry.hash)
    if (known !== undefined) return known
    const seen = new Set([entry.hash])
    for (const hash of [entry.prev, ...entry.parents]) {
      const before = log.entry(hash)
      if (before !== undefined) for (const one of past(before)) seen.add(one)
    }
    found.set(entry.hash, seen)
    return seen
  }
  for (const entry of entriesOf(log)) past(entry)
  return found
}

function entriesOf(log: Log): LogEntry[] {
  const entries = new Map<EntryHash, LogEntry>()
  for (const { branch } of log.branchHeads()) {
    for (const entry of log.chainEntries(branch, 0)) entries.set(entry.hash, entry)
  }
  return [...entries.values()]
}

const seeds = integer({ min: 1, max: 0x7fff_ffff })

describe('I1 convergence of the log', () => {
  test('any order, duplication and splitting of batches gives the same entries', () => {
    assert(
      property(seeds, seeds, (seed, order) => {
        const world = history(seed, 60)
        const batches = everything(world)
        const pick = chance(order)
        const logs = [0, 1].map(() => receiveAll(world.admin, delivered(batches, world.admin.suite, pick)))
        for (const log of logs) {
          expect(log.pending).toEqual({ entries: 0, missing: [] })
          expect(log.frontier()).toEqual(logs[0]!.frontier())
          expect(log.heads().map(({ hash }) => hash)).toEqual(logs[0]!.heads().map(({ hash }) => hash))
          expect(log.latestHlc).toEqual(logs[0]!.latestHlc)
        }
        const written = world.peers.flatMap((peer) => entriesOf(peer.log))
        expect(written.filter(({ hash }) => logs[0]!.entry(hash) === undefined)).toEqual([])
      }),
      { numRuns: runs(24) },
    )
  })

  test('roles and epochs of a past are the same everywhere', () => {
    assert(
      property(seeds, (seed) => {
        const world = history(seed, 60)
        const batches = everything(world)
        const [one, other] = [1, 2].map((by) =>
          receiveAll(world.admin, delivered(batches, world.admin.suite, chance(seed + by))),
        )
        for (const entry of entriesOf(one!)) {
          const same = other!.entry(entry.hash)!
          expect(other!.membership.members([same])).toEqual(one!.membership.members([entry]))
          expect(other!.membership.usableEpochs([same])).toEqual(one!.membership.usableEpochs([entry]))
          expect(other!.membership.forkedDevices([same])).toEqual(one!.membership.forkedDevices([entry]))
        }
      }),
      { numRuns: runs(10) },
    )
  })

  test('a log loaded from its store is the log that was stored', () => {
    assert(
      property(seeds, (seed) => {
        const world = history(seed, 50)
        const peer = world.peers[1]!
        const loaded = new Log(peer.suite, peer.store)
        for (const record of peer.store.records()) loaded.load(record)
        expect(loaded.frontier()).toEqual(peer.log.frontier())
        expect(loaded.folderId).toBe(peer.log.folderId)
        expect(entriesOf(loaded)).toEqual(entriesOf(peer.log))
        expect(loaded.heads()).toEqual(peer.log.heads())
      }),
      { numRuns: runs(10) },
    )
  })
})

describe('I5 causality', () => {
  test('observes is what walking the graph finds, with forks too', () => {
    let forks = 0
    assert(
      property(seeds, (seed) => {
        const world = history(seed, 60)
        const log = receiveAll(world.admin, delivered(everything(world), world.admin.suite, chance(seed)))
        forks += [...log.equivocations()].length
        const entries = entriesOf(log)
        expect(entries.length).toBe(log.size)
        const past = pasts(log)
        const wrong: string[][] = []
        for (const later of entries) {
          for (const earlier of entries) {
            const expected = past.get(later.hash)!.has(earlier.hash)
            const answered = log.observes(later, earlier)
            if (answered !== expected) wrong.push([later.hash, earlier.hash, `not ${expected}`])
            if (!expected || later === earlier) continue
            if (compareHlc(later.hlc, earlier.hlc) <= 0) wrong.push([later.hash, earlier.hash, 'clock'])
          }
        }
        expect(wrong).toEqual([])
        const heads = entries.filter(({ hash }) =>
          entries.every((e) => e.hash === hash || !past.get(e.hash)!.has(hash)),
        )
        expect(log.heads().map(({ hash }) => hash)).toEqual(heads.map(({ hash }) => hash).toSorted())
        const some = entries.filter((_, index) => index % 7 === seed % 7)
        const clock = log.closure(some.map(({ hash }) => hash))!
        for (const entry of entries) {
          expect(log.covered(clock, entry)).toBe(some.some(({ hash }) => past.get(hash)!.has(entry.hash)))
        }
      }),
      { numRuns: runs(24) },
    )
    expect(forks).toBeGreaterThan(0)
  })
})
