import { beforeEach, describe, expect, test, vi } from 'vitest'
import { LogPeer, type Content } from '../../../test/sync/support/log-peer.ts'
import { encodeBatch, decodeBatch, signBatch } from '../format/batch-codec.ts'
import {
  encodeEquivocation,
  makeEquivocation,
  verifyEquivocation,
  type EquivocationProof,
} from './equivocation.ts'

let anna: LogPeer
let ben: LogPeer
let clone: LogPeer
let cleo: LogPeer

/** Anna is admin; Ben writes on two disks with one key; Cleo has seen neither. */
beforeEach(() => {
  anna = new LogPeer(1)
  ben = new LogPeer(2)
  cleo = new LogPeer(3)
  anna.found()
  anna.admit(ben)
  anna.admit(cleo)
  ben.write(ben.operation('common'))
  clone = ben.clone()
  ben.pull(anna)
  clone.pull(anna)
})

function fork(): void {
  ben.write(ben.operation('left'), ben.operation('left too'))
  clone.write(clone.operation('right'))
}

function verify(proof: EquivocationProof, folderId = anna.log.folderId!) {
  return verifyEquivocation(anna.suite, encodeEquivocation(proof), folderId)
}

describe('I12 equivocation', () => {
  test('branches shown to different devices meet, stay, and prove themselves', () => {
    fork()
    anna.pull(ben)
    cleo.pull(clone)
    expect([[...anna.log.equivocations()], [...cleo.log.equivocations()]]).toEqual([[], []])
    anna.pull(cleo)
    cleo.pull(anna)
    expect(anna.log.frontier()).toEqual(cleo.log.frontier())
    const expected = { deviceId: ben.id, incarnation: ben.writer.incarnation, seq: 1 }
    for (const { log } of [anna, cleo]) {
      const [proof, ...more] = [...log.equivocations()]
      expect(more).toEqual([])
      expect(verify(proof!)).toMatchObject(expected)
      expect(log.membership.forkedDevices(log.heads())).toEqual([ben.id])
    }
    expect(encodeEquivocation([...anna.log.equivocations()][0]!)).toEqual(
      encodeEquivocation([...cleo.log.equivocations()][0]!),
    )
  })

  test('is told by the batch that shows it', () => {
    fork()
    const forks = [...ben.written, ...clone.written].flatMap((bytes) => anna.receive(bytes).forks)
    expect(forks).toHaveLength(1)
    expect(verify(forks[0]!)).toMatchObject({ deviceId: ben.id })
  })

  test('is told once for each place, and for the first places only: a proof costs more than a branch', () => {
    anna.pull(ben)
    const place = ben.writer.twin()
    const [clock, parents] = [ben.tick(), ben.parents()]
    const line = place.twin().write(Array<Content>(20).fill(ben.operation('line')), clock, parents)
    anna.receive(encodeBatch(line))
    const branch = (index: number, counter: number) => {
      const writer = Object.assign(place.twin(), index > 0 && { prev: line.entries[index - 1]!.hash })
      writer.seq += index
      const at = { ms: clock.ms + 1, counter }
      return encodeBatch(writer.write([ben.operation('branch')], at, index > 0 ? [] : parents))
    }
    const told = line.entries.map((_, index) =>
      [0, 1].map((counter) => anna.receive(branch(index, counter)).forks.length),
    )
    expect(told).toEqual(line.entries.map((_, index) => (index < 16 ? [1, 0] : [0, 0])))
    const read = vi.spyOn(anna.store, 'read')
    const proofs = anna.log.equivocations()
    expect(verify(proofs.next().value!)).toMatchObject({ deviceId: ben.id })
    // One proof takes two batches. All of them at once would take thousands of times the log.
    expect(read.mock.calls.length).toBeLessThanOrEqual(2)
    expect([...proofs]).toHaveLength(19)
  })

  test('at the start of a chain too, and of three branches', () => {
    const third = clone.clone()
    for (const one of [ben, clone, third]) one.writer.incarnation = 'ab'.repeat(16)
    for (const one of [ben, clone, third]) Object.assign(one.writer, { seq: 0 })
    fork()
    third.write(third.operation('third'))
    for (const one of [ben, clone, third]) anna.pull(one)
    expect(anna.log.branchHeads().filter(({ deviceId }) => deviceId === ben.id)).toHaveLength(4)
    expect([...anna.log.equivocations()].map((proof) => verify(proof))).toMatchObject([
      { seq: 0, deviceId: ben.id },
    ])
  })

  test('a device whose two histories are known may read and no more, also by its own log', () => {
    fork()
    anna.pull(ben)
    anna.pull(clone)
    ben.pull(anna)
    expect(ben.log.membership.roleOf(ben.id, ben.log.heads())).toBe('read')
    expect(anna.receive(ben.forge([ben.operation()])).refused?.reason).toBe('role')
    expect(anna.log.membership.readers(anna.log.heads())).toContain(ben.id)
  })

  test('whoever knows one branch only goes on with it', () => {
    fork()
    anna.pull(ben)
    anna.pull(clone)
    const bytes = ben.write(ben.operation('unaware'))
    expect(anna.receive(bytes).accepted).toHaveLength(1)
  })

  test('a cache stays a cache', () => {
    fork()
    anna.pull(ben)
    anna.pull(clone)
    anna.write(anna.grant(ben.record, 'cache'))
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('cache')
  })

  test('a grant by who has seen both branches pairs it again; one by who has not does not', () => {
    fork()
    anna.write(anna.grant(ben.record, 'write'))
    anna.pull(ben)
    anna.pull(clone)
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('read')
    anna.write(anna.grant(ben.record, 'write'))
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('write')
    expect(anna.log.membership.forkedDevices(anna.log.heads())).toEqual([])
    ben.pull(anna)
    Object.assign(ben.writer, { incarnation: 'cd'.repeat(16), seq: 0 })
    expect(
      anna.receive(ben.forge([ben.operation()], ben.tick(), [anna.lastEntry().hash])).accepted,
    ).toHaveLength(1)
  })

  test('a device does not pair itself, not even by the entry that makes the fork', () => {
    anna.write(anna.grant(ben.record, 'admin'))
    ben.pull(anna)
    clone.pull(anna)
    ben.write(ben.operation('left'))
    anna.pull(ben)
    const own = clone.writer
      .twin()
      .write([clone.grant(ben.record, 'admin')], ben.tick(), [ben.lastEntry().hash])
    expect(anna.log.accept(own, 'clone', anna.now).accepted).toHaveLength(1)
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('read')
  })

  test('a third branch after that takes it away again', () => {
    const third = clone.clone()
    fork()
    anna.pull(ben)
    anna.pull(clone)
    anna.write(anna.grant(ben.record, 'write'))
    third.write(third.operation('third'))
    anna.pull(third)
    expect(anna.log.membership.roleOf(ben.id, anna.log.heads())).toBe('read')
  })

  test('a loaded log proves it too', () => {
    fork()
    anna.pull(ben)
    anna.pull(clone)
    const again = new LogPeer(9)
    again.join(anna)
    expect([...again.log.equivocations()].map((proof) => verify(proof))).toMatchObject([{ deviceId: ben.id }])
  })
})

describe('a proof of equivocation', () => {
  let proof: EquivocationProof

  beforeEach(() => {
    fork()
    anna.pull(ben)
    anna.pull(clone)
    proof = [...anna.log.equivocations()][0]!
  })

  test('names the place and both entries', () => {
    const [left, right] = [ben, clone].map(
      ({ log, writer }) => log.chainEntries(log.entry(writer.prev)!.branch, 1)[0]!.hash,
    )
    expect(verify(proof)).toEqual({
      deviceId: ben.id,
      incarnation: ben.writer.incarnation,
      seq: 1,
      entries: [left!, right!].toSorted(),
    })
  })

  test('is worth nothing with any byte changed', () => {
    const bytes = encodeEquivocation(proof)
    const idle = [...bytes.keys()].filter((index) => {
      const changed = bytes.slice()
      changed[index]! ^= 0x01
      return typeof verifyEquivocation(anna.suite, changed, anna.log.folderId!) === 'object'
    })
    expect(idle).toEqual([])
  })

  test('does not hold for another folder', () => {
    expect(verify(proof, 'ab'.repeat(32))).toBe('chain')
  })

  test('is not made of one history, or of one shown twice', () => {
    const [one] = proof.branches
    expect(verify({ ...proof, branches: [one, one] })).toBe('order')
    const batch = decodeBatch(ben.suite, ben.written.at(-1)!)
    expect(verify(makeEquivocation(batch, batch))).toBe('order')
  })

  test('is not made of an honest device’s chain and its own continuation', () => {
    const [one, other] = [cleo.write(cleo.operation('a')), cleo.write(cleo.operation('b'))]
    const batches = [one, other].map((bytes) => decodeBatch(cleo.suite, bytes))
    expect(verify(makeEquivocation(batches[0]!, batches[1]!))).toBeTypeOf('string')
  })

  test('is not made by another who signs in its name', () => {
    const forged = decodeBatch(cleo.suite, cleo.forge([cleo.operation('never written')]))
    const honest = decodeBatch(cleo.suite, cleo.write(cleo.operation('a')))
    const unsigned = { ...forged, signature: new Uint8Array(64) }
    expect(verify(makeEquivocation(honest, unsigned))).toBe('signature')
    const byAnna = signBatch(anna.suite, anna.keys, forged.entries)
    expect(verify(makeEquivocation(honest, { ...byAnna, publicKey: honest.publicKey }))).toBeTypeOf('string')
  })

  test('is not made of two incarnations', () => {
    Object.assign(ben.writer, { incarnation: 'cd'.repeat(16), seq: 0 })
    const one = decodeBatch(ben.suite, ben.forge([ben.operation('a')]))
    Object.assign(ben.writer, { incarnation: 'ce'.repeat(16), seq: 0 })
    const other = decodeBatch(ben.suite, ben.forge([ben.operation('b')]))
    expect(verify(makeEquivocation(one, other))).toBeTypeOf('string')
  })

  test('has at most as many metas in a branch as a batch has entries, and at least one', () => {
    const [one, other] = proof.branches
    const long = (length: number) => ({ ...one, metas: Array.from({ length }, () => new Uint8Array(1)) })
    expect(verify({ ...proof, branches: [long(4_097), other] })).toBe('limit')
    expect(verify({ ...proof, branches: [long(4_096), other] })).not.toBe('limit')
    expect(verify({ ...proof, branches: [long(0), other] })).toBe('shape')
  })

  test('random bytes are refused with a reason, never thrown about', () => {
    for (let seed = 0; seed < 200; seed++) {
      const bytes = anna.suite.hash(Uint8Array.of(seed)).subarray(0, seed % 33)
      expect(verifyEquivocation(anna.suite, bytes, anna.log.folderId!)).toBeTypeOf('string')
    }
  })

  test('an honest device that sends its batch in two ways proves nothing', () => {
    const contents = [cleo.operation('a'), cleo.operation('b')]
    const [clock, parents] = [cleo.tick(), cleo.parents()]
    const short = cleo.forge(contents.slice(0, 1), clock, parents)
    const long = cleo.forge(contents, clock, parents)
    expect(encodeBatch(decodeBatch(cleo.suite, long))).toEqual(long)
    const [one, other] = [short, long].map((bytes) => decodeBatch(cleo.suite, bytes))
    expect(verify(makeEquivocation(one!, other!))).toBe('order')
    for (const bytes of [short, long]) expect(anna.receive(bytes).forks).toEqual([])
  })
})
