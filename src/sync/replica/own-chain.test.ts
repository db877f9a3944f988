import { describe, expect, test } from 'vitest'
import { SimulatedCrash } from '../../../test/sync/support/crashing-store.ts'
import { EvilDevice } from '../../../test/sync/support/evil-device.ts'
import { noon } from '../../../test/sync/support/log-peer.ts'
import { batchesOf, digests, meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { limits } from '../format/limits.ts'
import type { Operation } from '../format/operation.ts'
import { rootNode } from '../ids.ts'

const code = (name: string) => expect.objectContaining({ code: name })
const day = 86_400_000

/** Chains in which a device has written. */
function chains({ replica }: ReplicaDevice, deviceId: string): number {
  return new Set(
    replica.order.filter((entry) => entry.deviceId === deviceId).map(({ incarnation }) => incarnation),
  ).size
}

describe('a clock that is wrong', () => {
  test('jumps back: what is written next still comes after', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.put('a', 1)
    anna!.now -= 10 * day
    anna!.put('a', 2)
    ben!.hear(anna!)
    ben!.now = noon - 20 * day
    ben!.put('a', 3)
    for (const device of [anna!, ben!]) device.now = noon + 1_000
    meet(anna!, ben!)
    expect(anna!.shown()).toEqual(['a 3'])
    expect(digests(anna!, ben!)).toHaveLength(1)
  })

  test('far ahead: nothing of its own is refused or lost, others take it when its time has come', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.now += day
    anna!.put('a', 1)
    anna!.now = noon + 1_000
    anna!.put('b', 2)
    expect(anna!.shown()).toEqual(['a 1', 'b 2'])
    anna!.crash()
    expect(anna!.shown()).toEqual(['a 1', 'b 2'])
    ben!.now = noon + 1_000
    const held = batchesOf(anna!).flatMap((bytes) => ben!.receive(bytes).held)
    expect(held.map(({ deviceId }) => deviceId)).toEqual([anna!.id, anna!.id])
    ben!.put('c', 3)
    expect(ben!.shown()).toEqual(['c 3'])
    ben!.now = noon + day
    expect(ben!.replica.settle(ben!.now).accepted).toHaveLength(2)
    anna!.hear(ben!)
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect(ben!.shown()).toEqual(['a 1', 'b 2', 'c 3'])
  })
})

describe('rollback', () => {
  test('known: it goes on with a new chain, and takes its lost entries back from others', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    const copy = ben!.store.copy()
    ben!.put('b', 2)
    anna!.hear(ben!)
    ben!.rollBack(copy, true)
    ben!.put('c', 3)
    meet(anna!, ben!)
    expect(ben!.shown()).toEqual(['a 1', 'b 2', 'c 3'])
    expect([...ben!.replica.log.equivocations()]).toEqual([])
    expect(chains(anna!, ben!.id)).toBe(2)
    ben!.put('d', 4)
    meet(anna!, ben!)
    expect(digests(anna!, ben!)).toHaveLength(1)
  })

  test('unknown, but others told of a lost entry before a crash took that away again', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    const copy = ben!.store.copy()
    ben!.put('b', 2)
    anna!.hear(ben!)
    ben!.rollBack(copy, false)
    ben!.hear(anna!)
    ben!.crash()
    ben!.put('c', 3)
    meet(anna!, ben!)
    expect([...anna!.replica.log.equivocations()]).toEqual([])
    expect(anna!.shown()).toEqual(['a 1', 'b 2', 'c 3'])
  })

  test('known, and nothing written before the next start', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    const copy = ben!.store.copy()
    ben!.put('b', 2)
    anna!.hear(ben!)
    ben!.rollBack(copy, true)
    ben!.crash()
    ben!.put('c', 3)
    meet(anna!, ben!)
    expect([...anna!.replica.log.equivocations()]).toEqual([])
  })

  test('not known, but others tell first', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    const copy = ben!.store.copy()
    ben!.put('b', 2)
    anna!.hear(ben!)
    ben!.rollBack(copy, false)
    ben!.hear(anna!)
    ben!.put('c', 3)
    anna!.hear(ben!)
    expect(chains(anna!, ben!.id)).toBe(2)
    expect([...anna!.replica.log.equivocations()]).toEqual([])
    expect(digests(anna!, ben!)).toHaveLength(1)
  })

  test.each(['pending', 'held'] as const)('not known; what others tell is still %s', (state) => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const copy = ben!.store.copy()
    if (state === 'pending') {
      anna!.put('first', 1)
      ben!.hear(anna!)
    } else {
      ben!.now += day
    }
    ben!.put('b', 2)
    anna!.now = ben!.now
    anna!.hear(ben!)
    const [last] = anna!.replica.log.branchHeads().filter(({ deviceId }) => deviceId === ben!.id)
    ben!.now = noon + 100
    ben!.rollBack(copy, false)
    for (const { bytes } of anna!.replica.log.batchesFrom(last!.branch, 0)) {
      expect(ben!.receive(bytes)).toMatchObject({ accepted: [], refused: undefined })
    }
    ben!.put('c', 3)
    anna!.hear(ben!)
    expect([...anna!.replica.log.equivocations()]).toEqual([])
    expect(anna!.shown()).toEqual(expect.arrayContaining(['b 2', 'c 3']))
  })

  test('not known in time: a fork. Nothing is lost, it reads only, and a grant makes it write again', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const copy = ben!.store.copy()
    ben!.put('b', 2)
    anna!.hear(ben!)
    ben!.rollBack(copy, false)
    ben!.put('c', 3)
    meet(anna!, ben!)
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect(anna!.shown()).toEqual(['b 2', 'c 3'])
    expect(anna!.replica.log.membership.forkedDevices(anna!.replica.log.heads())).toEqual([ben!.id])
    expect(ben!.replica.role).toBe('read')
    expect(() => ben!.put('d', 4)).toThrow(/two histories of this device/)
    ben!.replica.commit()
    expect(ben!.crash().replica.role).toBe('read')

    anna!.admit(ben!, 'write')
    ben!.put('d', 4)
    ben!.put('e', 5)
    ben!.crash()
    ben!.put('f', 6)
    anna!.hear(ben!)
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect(anna!.shown()).toEqual(['b 2', 'c 3', 'd 4', 'e 5', 'f 6'])
    expect(chains(anna!, ben!.id)).toBe(2)
  })

  test('a cloned disk: both write, both versions stay, both read on', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    anna!.hear(ben!)
    const clone = ben!.clone()
    ben!.put('a', 2)
    clone.put('a', 3)
    meet(anna!, ben!, clone)
    expect(anna!.versions('a')).toHaveLength(3)
    expect(anna!.shown()).toEqual([expect.stringMatching(/^a (?:2\|3|3\|2)$/)])
    expect(digests(anna!, ben!, clone)).toHaveLength(1)
    for (const twin of [ben!, clone]) expect(() => twin.put('b', 1)).toThrow(code('SYNC_NOT_ALLOWED'))
    anna!.replica.grant(ben!.keys.record, 'write', anna!.tick())
    meet(anna!, ben!, clone)
    ben!.put('b', 4)
    clone.put('c', 5)
    meet(anna!, ben!, clone)
    expect(digests(anna!, ben!, clone)).toHaveLength(1)
    expect(anna!.replica.log.membership.forkedDevices(anna!.replica.log.heads())).toEqual([])
  })
})

describe('many heads', () => {
  /** Directories that nobody who made one had seen any other of. */
  function apart(device: ReplicaDevice, count: number): Uint8Array[] {
    const parents = device.replica.log.heads().map(({ hash }) => hash)
    return Array.from({ length: count }, (_, index) => {
      const chain = new EvilDevice(device)
      const node = (index + 16).toString(16).repeat(16)
      const operation = { type: 'mkdir', node, parent: rootNode, name: `d${index}` } as const
      return chain.batch([chain.operation(operation)], { parents })
    })
  }

  test.each([15, 16, 17, 40])('%i at once: the next entry joins them all', (count) => {
    const [anna, ben] = ReplicaDevice.folder(2)
    for (const bytes of apart(ben!, count)) anna!.receive(bytes)
    expect(anna!.replica.log.heads()).toHaveLength(count)
    anna!.put('joined', 1)
    expect(anna!.replica.log.heads()).toHaveLength(1)
    ben!.hear(anna!)
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect(ben!.shown()).toHaveLength(count + 1)
  })

  test('a new member whose first entry must join 40 heads, only one of which makes it a member', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const others = apart(ben!, 40)
    const dora = new ReplicaDevice()
    anna!.admit(dora, 'admin')
    for (const bytes of others) dora.receive(bytes)
    const emil = new ReplicaDevice()
    dora.replica.grant(emil.keys.record, 'read', dora.tick())
    expect(dora.replica.log.heads()).toHaveLength(1)
    emil.hear(dora)
    expect(emil.shown()).toHaveLength(40)
    expect(digests(dora, emil)).toHaveLength(1)
  })
})

describe('many heads and a role that not all of them tell of', () => {
  test('an admin with two histories grants itself its role again, and writes on', () => {
    const [anna, ...others] = ReplicaDevice.folder(40, 'write')
    const clone = anna!.clone()
    anna!.put('mine', 1)
    clone.put('too', 2)
    const hub = others[0]!
    for (const twin of [anna!, clone]) hub.hear(twin)
    // Half of them know of the two histories, and half do not.
    for (const other of others.slice(20)) other.hear(hub)
    for (const [index, other] of others.entries()) other.put(`file ${index}`, index)
    for (const other of others) anna!.hear(other)
    expect(anna!.replica.role).toBe('read')
    anna!.replica.grant(anna!.keys.record, 'admin', anna!.tick())
    expect(anna!.replica.role).toBe('admin')
    anna!.put('more', 3)
    hub.hear(anna!)
    expect(digests(anna!, hub)).toHaveLength(1)
  })

  test('a writer was a reader for a while, and others wrote then', () => {
    // Which heads come first by their hashes is chance.
    for (let round = 0; round < 5; round++) {
      const [anna, ben, ...others] = ReplicaDevice.folder(24)
      anna!.replica.grant(ben!.keys.record, 'read', anna!.tick())
      for (const other of others) other.hear(anna!)
      for (const [index, other] of others.entries()) other.put(`file ${index}`, index)
      anna!.replica.grant(ben!.keys.record, 'write', anna!.tick())
      for (const other of [anna!, ...others]) ben!.hear(other)
      ben!.put('mine', 1)
      expect(ben!.replica.log.heads()).toHaveLength(1)
    }
  })
})

describe('what is written', () => {
  const put: Operation = {
    type: 'put',
    node: 'ab'.repeat(16),
    parent: rootNode,
    name: 'file',
    bases: [],
    content: {
      manifest: new Uint8Array(4),
      size: 1,
      mtime: { seconds: 0, nanos: 0 },
      exec: false,
      hash: 'cd'.repeat(32),
    },
  }

  test.each<[string, Operation]>([
    ['a name that steps up', { ...put, name: '..' }],
    ['a name with a slash', { ...put, name: 'a/b' }],
    ['a name that is not NFC', { ...put, name: 'e\u0301' }],
    ['a long name', { ...put, name: 'x'.repeat(limits.nameBytes + 1) }],
    [
      'a large manifest',
      { ...put, content: { ...put.content, manifest: new Uint8Array(limits.manifestBytes + 1) } },
    ],
    ['the root as a node', { ...put, node: rootNode }],
    ['bases out of order', { ...put, bases: ['f'.repeat(64), 'a'.repeat(64)] }],
    ['a restore of nothing', { type: 'restore', node: put.node, trashes: [] }],
  ])('%s is refused, with all that was to be written with it', (_, operation) => {
    const [anna] = ReplicaDevice.folder(1)
    const before = anna!.replica.digest()
    const { commits } = anna!.store
    expect(() => anna!.write(put, operation)).toThrow(code('SYNC_BAD_OPERATION'))
    expect(anna!.replica.digest()).toEqual(before)
    expect(anna!.store.commits).toBe(commits)
    expect(anna!.store.dirty).toBe(false)
  })

  test('a chunk list of odd length is refused', () => {
    const [anna] = ReplicaDevice.folder(1)
    const write = () => anna!.replica.write([{ operation: put, chunkList: new Uint8Array(33) }], anna!.tick())
    expect(write).toThrow(code('SYNC_BAD_OPERATION'))
  })

  test('chunk lists travel up to the limit, and stay behind above it', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    for (const [index, count] of [limits.inlineChunks, limits.inlineChunks + 1].entries()) {
      const node = `${index}`.repeat(32).replace('00', '01')
      const chunkList = new Uint8Array(32 * count).fill(3)
      anna!.replica.write([{ operation: { ...put, node, name: `f${index}` }, chunkList }], anna!.tick())
    }
    ben!.hear(anna!)
    const records = ben!.ownEntries
      .call(anna!)
      .slice(-2)
      .map((entry) => ben!.replica.log.record(entry))
    expect(records.map(({ meta }) => meta.chunks?.count)).toEqual([
      limits.inlineChunks,
      limits.inlineChunks + 1,
    ])
    expect(records.map(({ chunkList }) => chunkList?.length)).toEqual([32 * limits.inlineChunks, undefined])
  })

  test('no batch exceeds the bytes a batch may have', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    const manifest = new Uint8Array(limits.manifestBytes)
    const operations = Array.from({ length: 10 }, (_, index) => ({
      ...put,
      node: `${index + 10}`.repeat(16),
      name: `f${index}`,
      content: { ...put.content, manifest },
    }))
    const written = anna!.write(...operations)
    for (const bytes of written) expect(bytes.length).toBeLessThanOrEqual(limits.batchBytes)
    expect(written.length).toBeGreaterThan(1)
    ben!.hear(anna!)
    expect(ben!.shown()).toHaveLength(10)
  })

  test('no batch exceeds the entries a batch may have, also if an epoch must come first', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3)
    // Who leaves makes no epoch for the others, so the first of them who writes does.
    cleo!.replica.revoke(cleo!.id, cleo!.tick())
    anna!.hear(cleo!)
    const written = anna!.write(
      ...Array.from({ length: limits.batchEntries + 10 }, (_, index) => ({
        type: 'attr' as const,
        node: (index + 1).toString(16).padStart(32, '0'),
        exec: true,
      })),
    )
    expect(written).toHaveLength(2)
    for (const bytes of written) expect(ben!.receive(bytes).refused).toBeUndefined()
    ben!.hear(anna!)
    expect(ben!.replica.log.size).toBe(anna!.replica.log.size)
  })

  test('nothing to write is nothing written', () => {
    const [anna] = ReplicaDevice.folder(1)
    expect(anna!.write()).toEqual([])
  })
})

test('what came before the entry that it follows is taken in with that, also if this device has just written it', () => {
  const [anna, ben, cleo] = ReplicaDevice.folder(3, 'write')
  const now = anna!.tick()
  // A revocation says so little that it can be guessed, all but the moment.
  const [guessed] = anna!.clone().replica.revoke(cleo!.id, now)
  ben!.receive(guessed!)
  const [bytes] = ben!.replica.rekey(now + 1)
  expect(anna!.receive(bytes!).pending).toBe(1)
  anna!.replica.revoke(cleo!.id, now)
  anna!.put('a', 1)
  expect(anna!.replica.order).toHaveLength(anna!.replica.log.size)
  ben!.hear(anna!)
  expect(digests(anna!, ben!)).toHaveLength(1)
  expect([...ben!.replica.log.equivocations()]).toEqual([])
})

describe('durable', () => {
  test('what is written is never lost; what is received may be, and comes again', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    anna!.put('theirs', 1)
    ben!.put('own', 2)
    const committed = ben!.replica.digest()
    ben!.hear(anna!)
    ben!.crash()
    expect(ben!.replica.digest()).toEqual(committed)
    ben!.hear(anna!)
    const whole = ben!.replica.digest()
    ben!.replica.commit()
    ben!.crash()
    expect(ben!.replica.digest()).toEqual(whole)
    ben!.put('more', 3)
    anna!.hear(ben!)
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect([...anna!.replica.log.equivocations()]).toEqual([])
  })

  test.each(['crash-before', 'crash-after', 'full', 'io'] as const)('a commit that ends with %s', (fault) => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    ben!.store.failCommit(fault)
    const error = fault === 'full' ? 'SYNC_STORE_FULL' : 'SYNC_STORE_IO'
    expect(() => ben!.put('b', 2)).toThrow(fault.startsWith('crash') ? SimulatedCrash : code(error))
    ben!.crash()
    expect(ben!.shown()).toEqual(fault === 'crash-after' ? ['a 1', 'b 2'] : ['a 1'])
    ben!.put('c', 3)
    anna!.hear(ben!)
    expect(digests(anna!, ben!)).toHaveLength(1)
    expect([...anna!.replica.log.equivocations()]).toEqual([])
    expect(chains(anna!, ben!.id)).toBe(1)
  })

  test('a new chain that was never committed is never gone on with', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    ben!.put('a', 1)
    ben!.replica.newIncarnation()
    ben!.crash()
    ben!.put('b', 2)
    anna!.hear(ben!)
    expect(chains(anna!, ben!.id)).toBe(1)
    ben!.replica.newIncarnation()
    ben!.put('c', 3)
    ben!.crash()
    ben!.put('d', 4)
    anna!.hear(ben!)
    expect(chains(anna!, ben!.id)).toBe(2)
    expect(anna!.shown()).toEqual(['a 1', 'b 2', 'c 3', 'd 4'])
  })
})
