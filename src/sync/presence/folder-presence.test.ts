import { describe, expect, test } from 'vitest'
import { chunkOf, idOfChunk } from '../../../test/sync/support/chunk-shelf.ts'
import { lan, linkOf, OfficeWorld, type OfficeDevice } from '../../../test/sync/support/office-world.ts'
import { concatBytes } from '../format/cbor.ts'
import { toHex } from '../ids.ts'
import { heardFrom } from './address-book.ts'
import { FolderPresence, type FolderPresenceParts } from './folder-presence.ts'
import { presenceLimits as limits } from './presence-limits.ts'

function pair(): { world: OfficeWorld; a: OfficeDevice; b: OfficeDevice } {
  const world = new OfficeWorld()
  const [a, b] = [world.device('a1'), world.device('b2')]
  world.connect(a, b, lan)
  world.ticks()
  return { world, a, b }
}

function parts(device: OfficeDevice, more: Partial<FolderPresenceParts> = {}): FolderPresenceParts {
  return {
    clock: { monotonic: () => 0, wall: () => 5 },
    sharing: device.fetcher.sharing,
    keeps: () => false,
    own: () => device.state,
    roleOf: () => 'read',
    read: () => device.notes,
    write: () => undefined,
    onAddresses: () => undefined,
    onStrike: () => undefined,
    ...more,
  }
}

describe('what members say of themselves', () => {
  test('is known at once, and again when it has changed for a while', async () => {
    const { world, a, b } = pair()
    await world.time.advance(100)
    expect(a.presence.members.get(b.device)).toMatchObject({ keep: 'all', isComplete: false, role: 'write' })
    b.state = { keep: 'current', isComplete: true, chunkBytes: 12 }
    await world.time.advance(5_000)
    expect(a.presence.members.get(b.device)?.keep).toBe('all')
    await world.time.advance(10_000)
    expect(a.presence.members.get(b.device)).toMatchObject({ keep: 'current', chunkBytes: 12 })
  })

  test('outlives the link and the daemon; of who is no member any more nothing is known', async () => {
    const { world, a, b } = pair()
    await world.time.advance(2_000)
    const leftAt = world.time.wall()
    world.cut(a, b)
    await world.time.advance(60_000)
    expect(a.presence.members.get(b.device)?.heardAt).toBeLessThan(leftAt + 100)
    a.presence.close()
    const again = new FolderPresence(parts(a))
    expect(again.members.get(b.device)).toMatchObject({ keep: 'all', role: 'read' })
    expect(again.since).toBe(a.presence.since)
    const without = new FolderPresence(parts(a, { roleOf: () => undefined }))
    expect(without.members.size).toBe(0)
  })

  test('is as if it had never been said if what was written down cannot be read', () => {
    const { a } = pair()
    a.notes = Buffer.from('a10181835820', 'hex')
    const without = new FolderPresence(parts(a))
    expect([without.members.size, without.since]).toEqual([0, 5])
    a.notes = Buffer.from('a1018185410000f50000', 'hex')
    expect(new FolderPresence(parts(a)).members.size).toBe(0)
  })
})

describe('who holds chunks', () => {
  test('is answered by what is there, also of very many', async () => {
    const { world, a, b } = pair()
    const chunks = Array.from({ length: limits.ids }, (_, index) => chunkOf(index, 100))
    for (const [index, chunk] of chunks.entries()) if (index % 3 === 0) b.add(chunk)
    const asked = a.presence.holders(
      chunks.map((chunk) => idOfChunk(chunk)),
      10_000,
    )
    await world.time.advance(5_000)
    const holds = (await asked).get(b.device)
    expect(holds).toEqual(chunks.map((_, index) => index % 3 === 0))
  })

  test('is not answered by what is only on its way there', async () => {
    const { world, a, b } = pair()
    const chunk = chunkOf(1, 100)
    b.arriving.add(toHex(b.add(chunk)))
    const asked = a.presence.holders([idOfChunk(chunk)], 1_000)
    await world.time.advance(1_100)
    expect((await asked).get(b.device)).toEqual([false])
    // Who only wants to have it may have it from there.
    a.want([chunk])
    await world.untilAllHave([a], [chunk])
  })

  test('leaves out who does not answer in time', async () => {
    const { world, a } = pair()
    const liar = world.liar('ee', [a])
    const asked = a.presence.holders([idOfChunk(chunkOf(1, 100))], 1_000)
    await world.time.advance(1_100)
    expect((await asked).has(liar.device)).toBe(false)
    expect((await asked).size).toBe(1)
  })

  test('is asked in vain of who is gone', async () => {
    const { world, a, b } = pair()
    const asked = a.presence.holders([idOfChunk(chunkOf(1, 100))], 10_000)
    world.cut(a, b)
    await world.time.advance(100)
    expect((await asked).size).toBe(0)
  })
})

describe('where members are', () => {
  test('is told to others that are linked, and again when somebody has come', async () => {
    const { world, a, b } = pair()
    const c = world.device('c3')
    world.connect(b, c, lan)
    await world.time.advance(40_000)
    expect(a.told).toEqual(['c3 192.0.2.195:22783'])
    expect(c.told).toEqual(['a1 192.0.2.161:22783'])
    const d = world.device('d4')
    world.connect(b, d, lan)
    await world.time.advance(60_000)
    expect(a.told.slice(1)).toEqual(['d4 192.0.2.212:22783', 'c3 192.0.2.195:22783'])
    expect(b.told).toEqual([])
  })
})

describe('addresses that somebody should not have told', () => {
  test('are not dialled: neither this machine nor what only its own network knows', async () => {
    const { world, a } = pair()
    const liar = world.liar('ee', [a])
    const addresses = [
      ['127.0.0.1:80', '[::1]:80', '[0:0:0:0:0:0:0:1]:80', '[::ffff:127.0.0.1]:80', 'LocalHost.:80'],
      ['a.localhost:80', '0.0.0.0:80', '[::]:80', ':80', '127.1:80', '2130706433:80', '0x7f.1:80'],
      ['[fe80::1]:80', '[fe80::1%eth0]:80', '169.254.1.2:80', '[::ffff:7f00:1]:80', '198.51.100.7:80'],
    ]
    const known = addresses.map((each, index) => {
      return { device: `c${index}`.repeat(32), addresses: each, ageSeconds: 1 }
    })
    liar.says[0]?.({ type: 'addresses', known })
    await world.time.advance(40_000)
    expect(a.told).toEqual(['c2 198.51.100.7:80'])
    expect(a.strikes).toEqual([])
  })

  test('but by who is on this machine: it means the same devices', () => {
    const { a, b } = pair()
    const known = [{ device: 'c3'.repeat(32), addresses: ['127.0.0.1:80', '[fe80::1]:80'], ageSeconds: 1 }]
    const heard = (address: string): string[] =>
      heardFrom({ ...linkOf(a, b, lan), address }, known).flatMap(({ addresses }) => addresses)
    expect(heard('127.0.0.1:22783')).toEqual(['127.0.0.1:80'])
    expect(heard('[::1]:22783')).toEqual(['127.0.0.1:80'])
    expect(heard('192.0.2.1:22783')).toEqual([])
  })
})

describe('a member that breaks the rules', () => {
  test.each([
    ['asks for too much at once', limits.openQuestions + 1, 'too many questions'],
    ['floods', 40 * limits.messages, 'too many messages'],
  ])('%s: its stream ends, and the link stays', async (what, count, reason) => {
    const { world, a } = pair()
    const liar = world.liar('ee', [a])
    const ids = concatBytes(idOfChunk(chunkOf(1, 100)))
    for (let number = 0; number < count; number++) {
      liar.says[0]?.(what === 'floods' ? { type: 'got', ids } : { type: 'ask-holds', number, ids })
    }
    await world.time.advance(100)
    expect(a.strikes).toEqual([`ee ${reason}`])
    expect(liar.closed).toEqual([`refused: ${reason}`])
    expect(a.presence.takes(liar.device)).toBe(false)
    await world.time.advance(31_000)
    expect(a.presence.takes(liar.device)).toBe(true)
  })

  test('never reads: what it was told costs little, and its stream ends', async () => {
    const { world, a, b } = pair()
    const liar = world.liar('ee', [a])
    liar.streams[0]?.pause()
    const chunks = world.chunks(40_000, 64)
    for (const chunk of chunks) b.add(chunk)
    for (const chunk of chunks) a.fetcher.sharing.got({ ...wantOf(chunk) } as never)
    await world.time.advance(1_000)
    expect(liar.streams[0]?.other.heldBytes).toBeLessThan(3_000_000)
  })
})

function wantOf(chunk: Uint8Array): object {
  return { key: Buffer.from(idOfChunk(chunk)).toString('latin1'), sealedLength: 64, share: undefined }
}
