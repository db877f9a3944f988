import { describe, expect, test } from 'vitest'
import { idOfChunk } from '../../../test/sync/support/chunk-shelf.ts'
import { lan, OfficeWorld, slowLine, type OfficeDevice } from '../../../test/sync/support/office-world.ts'
import { concatBytes } from '../format/cbor.ts'

const kib = 1024
const mib = 1024 * kib
const patience = 600_000

function office(count = 3): { world: OfficeWorld; near: OfficeDevice[]; far: OfficeDevice } {
  const world = new OfficeWorld()
  const near = ['a1', 'b2', 'c3', 'd4', 'e5'].slice(0, count).map((name) => world.device(name))
  const far = world.device('f6')
  world.office(near, far)
  world.ticks()
  return { world, near, far }
}

function idsOf(chunks: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...chunks.map((chunk) => idOfChunk(chunk)))
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

describe('neighbours that want the same from far', () => {
  test.each([
    ['large chunks', 128, 256 * kib],
    ['small ones', 4_000, 4 * kib],
  ])('fetch it once: %s', async (_what, count, length) => {
    const { world, near, far } = office()
    const chunks = world.chunks(count, length)
    for (const chunk of chunks) far.add(chunk)
    for (const each of near) each.want(chunks)
    await world.untilAllHave(near, chunks)
    expect(world.farBytes).toBeLessThan(1.02 * sizeOf(chunks))
    expect(near.map(({ taker }) => taker.takes)).toEqual([count, count, count])
    // All of them took part: together they are quicker than one.
    expect(Math.min(...[0, 2, 4].map((index) => world.far[index]?.sentBytes ?? 0))).toBeGreaterThan(0)
  })

  test('also if they begin one after the other, and want them in another order', async () => {
    const { world, near, far } = office()
    const chunks = world.chunks(60, 200 * kib)
    for (const chunk of chunks) far.add(chunk)
    near[2]?.want(chunks)
    await world.time.advance(300)
    near[0]?.want(chunks.toReversed())
    await world.time.advance(700)
    near[1]?.want([...chunks.slice(30), ...chunks.slice(0, 30)])
    await world.untilAllHave(near, chunks)
    expect(world.farBytes).toBeLessThan(1.02 * sizeOf(chunks))
  })

  test('do not touch far what one of them has', async () => {
    const { world, near, far } = office()
    const chunks = world.chunks(100, 100 * kib)
    for (const chunk of chunks) far.add(chunk)
    for (const chunk of chunks.slice(0, 50)) near[0]?.add(chunk)
    for (const chunk of chunks.slice(50)) near[1]?.add(chunk)
    near[2]?.want(chunks)
    await world.untilAllHave([near[2]!], chunks)
    expect(world.farBytes).toBeLessThan(10_000)
  })

  test('one whose line is cut while it fetches leaves the rest to the others', async () => {
    const { world, near, far } = office()
    const chunks = world.chunks(80, 256 * kib)
    for (const chunk of chunks) far.add(chunk)
    for (const each of near) each.want(chunks)
    await world.time.advance(1_500)
    world.cut(near[0]!, far)
    await world.untilAllHave(near, chunks, patience)
    expect(world.farBytes).toBeLessThan(1.3 * sizeOf(chunks))
    expect(near.every(({ strikes }) => strikes.length === 0)).toBe(true)
  })

  test.each([
    ['the first and the last', 0, 2],
    ['the first and the second', 0, 1],
    ['the last and the first', 2, 0],
    ['the second and the first', 1, 0],
  ])(
    'do not wait for each other in vain if one of two does not count the other as near: %s',
    async (_who, from, to) => {
      const world = new OfficeWorld()
      const near = ['a1', 'b2', 'c3'].map((name) => world.device(name))
      const far = world.device('f6')
      const busy = { ...lan, roundTripMs: 8 }
      for (const [index, left] of near.entries()) {
        for (const [other, right] of near.entries()) {
          if (other <= index) continue
          const isOdd = (index === from && other === to) || (index === to && other === from)
          const ways = !isOdd ? [lan, lan] : index === from ? [lan, busy] : [busy, lan]
          world.connect(left, right, ways[0]!, true, ways[1])
        }
      }
      for (const each of near) world.connect(each, far, slowLine)
      world.ticks()
      const chunks = world.chunks(60, 200 * kib)
      for (const chunk of chunks) far.add(chunk)
      for (const each of near) each.want(chunks)
      const before = world.time.monotonic()
      await world.untilAllHave(near, chunks, patience)
      expect(world.time.monotonic() - before).toBeLessThan(5_000)
      expect(world.farBytes).toBeLessThan(1.2 * sizeOf(chunks))
    },
  )

  test('and one between two that do not see each other tells both', async () => {
    const world = new OfficeWorld()
    const near = ['b2', 'a1', 'c3'].map((name) => world.device(name))
    const far = world.device('f6')
    for (const other of near.slice(1)) world.connect(near[0]!, other, lan)
    for (const each of near) world.connect(each, far, slowLine)
    world.ticks()
    const chunks = world.chunks(60, 200 * kib)
    for (const chunk of chunks) far.add(chunk)
    for (const each of near) each.want(chunks)
    const before = world.time.monotonic()
    await world.untilAllHave(near, chunks, patience)
    expect(world.time.monotonic() - before).toBeLessThan(5_000)
    expect(world.farBytes).toBeLessThan(1.6 * sizeOf(chunks))
  })

  test('one that is gone is not waited for', async () => {
    const { world, near, far } = office()
    const chunks = world.chunks(80, 256 * kib)
    for (const chunk of chunks) far.add(chunk)
    for (const each of near) each.want(chunks)
    await world.time.advance(1_500)
    const before = world.time.monotonic()
    world.cut(near[0]!, far)
    world.cut(near[0]!, near[1]!)
    world.cut(near[0]!, near[2]!)
    await world.untilAllHave(near.slice(1), chunks)
    expect(world.time.monotonic() - before).toBeLessThan(8_000)
  })

  test('one without a line gets all from the others', async () => {
    const world = new OfficeWorld()
    const [a, b, far] = [world.device('a1'), world.device('b2'), world.device('f6')]
    world.connect(a, b, lan)
    world.connect(b, far, slowLine)
    const chunks = world.chunks(40, 256 * kib)
    for (const chunk of chunks) far.add(chunk)
    a.want(chunks)
    await world.time.advance(3_000)
    b.want(chunks)
    await world.untilAllHave([a, b], chunks)
    expect(world.farBytes).toBeLessThan(1.02 * sizeOf(chunks))
  })

  test('a slow one holds up what it fetches, and not for long', async () => {
    const world = new OfficeWorld()
    const near = [world.device('a1'), world.device('b2')]
    const far = world.device('f6')
    world.connect(near[0]!, near[1]!, lan)
    world.connect(near[0]!, far, { ...slowLine, bytesPerSecond: 20_000 })
    world.connect(near[1]!, far, slowLine)
    const chunks = world.chunks(40, 256 * kib)
    for (const chunk of chunks) far.add(chunk)
    for (const each of near) each.want(chunks)
    const before = world.time.monotonic()
    await world.untilAllHave([near[1]!], chunks, patience)
    expect(world.time.monotonic() - before).toBeLessThan(30_000)
  })

  test('one that turns out to be near after all is asked like any other', async () => {
    const world = new OfficeWorld()
    const [a, b, c] = [world.device('a1'), world.device('b2'), world.device('c3')]
    world.connect(a, b, lan)
    const chunks = world.chunks(40, 100 * kib)
    for (const chunk of chunks) c.add(chunk)
    a.want(chunks)
    await world.time.advance(2_000)
    // As long as no round trip has been measured it counts as far.
    const way = { ...lan, roundTripMs: 40 }
    world.connect(a, c, way, false)
    way.roundTripMs = 1
    await world.untilAllHave([a], chunks, 30_000)
    expect(a.taker.takes).toBe(40)
  })

  test('a far device that does not have it does not keep it from those that find it elsewhere', async () => {
    const { world, near, far } = office()
    const other = world.device('e7')
    world.connect(near[1]!, other, slowLine)
    const chunks = world.chunks(40, 100 * kib)
    for (const [index, chunk] of chunks.entries()) (index % 2 === 0 ? far : other).add(chunk)
    for (const each of near) each.want(chunks)
    await world.untilAllHave(near, chunks)
    expect(world.farBytes).toBeLessThan(1.1 * sizeOf(chunks))
  })

  test('whose neighbours are too old for it fetch as ever', async () => {
    const world = new OfficeWorld()
    const near = [world.device('a1'), world.device('b2')]
    const far = world.device('f6')
    world.connect(near[0]!, near[1]!, lan, false)
    for (const each of near) world.connect(each, far, slowLine, false)
    const chunks = world.chunks(40, 100 * kib)
    for (const chunk of chunks) far.add(chunk)
    for (const each of near) each.want(chunks)
    await world.untilAllHave(near, chunks)
    expect(world.farBytes).toBeLessThan(2.1 * sizeOf(chunks))
  })
})

describe('a single device', () => {
  test('says nothing to anybody, and waits for nobody', async () => {
    const { world, near, far } = office(1)
    const chunks = world.chunks(10, 10 * kib)
    for (const chunk of chunks) far.add(chunk)
    near[0]?.want(chunks)
    const before = world.time.monotonic()
    await world.untilAllHave(near, chunks)
    expect(world.time.monotonic() - before).toBeLessThan(100)
    expect(near[0]?.fetcher.sharing.neighbours).toBe(0)
  })

  test('takes from others that want the same, too, as they get it', async () => {
    const world = new OfficeWorld()
    const source = world.device('f6')
    const near = ['a1', 'b2', 'c3'].map((name) => world.device(name))
    for (const each of near) world.connect(each, source, { ...lan, bytesPerSecond: 5 * mib })
    for (const [index, left] of near.entries()) {
      for (const right of near.slice(index + 1)) world.connect(left, right, lan)
    }
    const chunks = world.chunks(400, 256 * kib)
    for (const chunk of chunks) source.add(chunk)
    for (const each of near) each.want(near.indexOf(each) === 0 ? chunks : chunks.toReversed())
    const before = world.time.monotonic()
    await world.untilAllHave(near, chunks)
    // Alone each would need 20 seconds.
    expect(world.time.monotonic() - before).toBeLessThan(17_000)
  })

  test('takes from all near sources at once, and a slow one does not slow the rest', async () => {
    const took: number[] = []
    for (const rates of [[10], [10, 10], [10, 10, 10, 10], [10, 10, 10, 10, 0.2]]) {
      const world = new OfficeWorld()
      const reader = world.device('a1')
      const chunks = world.chunks(200, 256 * kib)
      for (const [index, rate] of rates.entries()) {
        const source = world.device(`b${index}`)
        for (const chunk of chunks) source.add(chunk)
        world.connect(reader, source, { ...lan, bytesPerSecond: rate * mib })
      }
      reader.want(chunks)
      const before = world.time.monotonic()
      await world.untilAllHave([reader], chunks)
      took.push(world.time.monotonic() - before)
    }
    const [one = 0, two = 0, four = 0, withSlow = 0] = took
    expect(two).toBeLessThan(0.6 * one)
    expect(four).toBeLessThan(0.35 * one)
    expect(withSlow).toBeLessThan(four + 10_000)
  })

  test.each([
    ['far', slowLine],
    ['near as well', lan],
  ])(
    'does not wait for a near one that has all and gives next to nothing: others are %s',
    async (_where, way) => {
      const world = new OfficeWorld()
      const [reader, slow, other] = [world.device('a1'), world.device('b2'), world.device('f6')]
      world.connect(reader, slow, { ...lan, bytesPerSecond: 20_000 })
      world.connect(reader, other, way)
      const chunks = world.chunks(120, 100 * kib)
      for (const chunk of chunks) for (const source of [slow, other]) source.add(chunk)
      reader.want(chunks)
      const before = world.time.monotonic()
      await world.untilAllHave([reader], chunks, 900_000)
      // What it was asked for at once, it gives within 50 seconds; alone it would need ten minutes.
      expect(world.time.monotonic() - before).toBeLessThan(60_000)
      expect(reader.strikes).toEqual([])
    },
  )

  test('does not care for lengths that it had to guess', async () => {
    const { world, near, far } = office(2)
    const chunks = world.chunks(50, 30 * kib)
    for (const chunk of chunks) {
      far.add(chunk)
      near[0]?.fetcher.want(idOfChunk(chunk), 256 * kib, near[0].taker)
      near[1]?.fetcher.want(idOfChunk(chunk), 100, near[1].taker)
    }
    await world.untilAllHave(near, chunks)
    expect(near.flatMap(({ strikes }) => strikes)).toEqual([])
    expect(near.map(({ fetcher }) => fetcher.stats().outstandingBytes)).toEqual([0, 0])
    expect(world.farBytes).toBeLessThan(1.05 * sizeOf(chunks))
  })
})

describe('a neighbour that lies', () => {
  test.each(['0e', 'ee'])('and claims all without fetching any is waited for once (%s)', async (name) => {
    const { world, near, far } = office(2)
    const chunks = world.chunks(60, 100 * kib)
    for (const chunk of chunks) far.add(chunk)
    const liar = world.liar(name, near, (message, say) => {
      if (message.type !== 'claim') return
      const verdicts = new Uint8Array(message.ids.length / 32).fill(2)
      say({ type: 'answer', number: message.number, verdicts })
    })
    for (const say of liar.says) say({ type: 'claim', number: 0, ids: idsOf(chunks) })
    for (const each of near) each.want(chunks)
    const before = world.time.monotonic()
    await world.untilAllHave(near, chunks, patience)
    expect(world.time.monotonic() - before).toBeLessThan(60_000)
    expect(world.farBytes).toBeLessThan(1.1 * sizeOf(chunks))
  })

  test.each(['0e', 'ee'])(
    'and takes its claims back to make them anew is not believed for ever (%s)',
    async (name) => {
      const { world, near, far } = office(2)
      const chunks = world.chunks(60, 100 * kib)
      for (const chunk of chunks) far.add(chunk)
      const liar = world.liar(name, near)
      const ids = idsOf(chunks)
      let number = 0
      const again = (): void => {
        for (const say of liar.says) {
          say({ type: 'release', ids })
          say({ type: 'claim', number: number++, ids })
        }
        world.time.after(4_000, again)
      }
      for (const each of near) each.want(chunks)
      again()
      const before = world.time.monotonic()
      await world.untilAllHave(near, chunks, patience)
      expect(world.time.monotonic() - before).toBeLessThan(30_000)
    },
  )

  test('and says that it has what it has not is soon not asked', async () => {
    const { world, near, far } = office(2)
    const chunks = world.chunks(60, 100 * kib)
    for (const chunk of chunks) far.add(chunk)
    const liar = world.liar('ee', near, (message, say) => {
      if (message.type !== 'claim') return
      say({
        type: 'answer',
        number: message.number,
        verdicts: new Uint8Array(message.ids.length / 32).fill(1),
      })
      say({ type: 'got', ids: message.ids.slice() })
    })
    for (const each of near) each.want(chunks)
    const before = world.time.monotonic()
    await world.untilAllHave(near, chunks, patience)
    expect(world.time.monotonic() - before).toBeLessThan(30_000)
    expect(liar.asked).toBeLessThan(20 * chunks.length)
  })

  test('and never answers costs little', async () => {
    const { world, near, far } = office(2)
    const chunks = world.chunks(60, 100 * kib)
    for (const chunk of chunks) far.add(chunk)
    world.liar('ee', near)
    for (const each of near) each.want(chunks)
    const before = world.time.monotonic()
    await world.untilAllHave(near, chunks, patience)
    expect(world.time.monotonic() - before).toBeLessThan(10_000)
    expect(world.farBytes).toBeLessThan(1.05 * sizeOf(chunks))
  })

  test.each([
    ['claims it never made', 'answer', { type: 'answer', number: 7, verdicts: Uint8Array.of(1) }],
    ['questions that nobody asked', 'answer', { type: 'holds', number: 7, bits: Uint8Array.of(1) }],
  ] as const)('and answers %s is told off', async (_what, _kind, message) => {
    const { world, near } = office(1)
    const liar = world.liar('ee', near)
    liar.says[0]?.(message)
    await world.time.advance(100)
    expect(near[0]?.strikes).toHaveLength(1)
    expect(liar.closed).toHaveLength(1)
    expect(near[0]?.fetcher.sharing.neighbours).toBe(0)
    expect(near[0]?.presence.takes(liar.device)).toBe(false)
  })
})
