import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../src/sync/ids.ts'
import { CheckingTaker, chunkOf, idOfChunk } from './support/chunk-shelf.ts'
import { TransferWorld, type EvilAnswer, type Source } from './support/transfer-world.ts'

/**
 * Whatever the interleaving and whoever lies, goes away or falls silent: every want ends delivered right, or known as
 * held by nobody who is connected; honest devices are never charged; memory is bounded.
 */

const kib = 1024
const window = 1024 * kib
const runs = Number(process.env['HARP_EXCHANGE_RUNS'] ?? 60)

type Character = 'honest' | 'liar' | 'silent' | 'short' | 'empty' | 'moody'
interface Cast {
  readonly character: Character
  /** Which chunks it has, by number modulo. */
  readonly share: number
  readonly delays: readonly number[]
  readonly leavesAt: number
  readonly isNear: boolean
}

const cast: fc.Arbitrary<Cast> = fc.record({
  character: fc.constantFrom('honest', 'honest', 'honest', 'liar', 'silent', 'short', 'empty', 'moody'),
  share: fc.integer({ min: 1, max: 3 }),
  delays: fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 8 }),
  leavesAt: fc.constantFrom(0, 0, 5, 50, 500),
  isNear: fc.boolean(),
})

const plan = fc.record({
  casts: fc.array(cast, { minLength: 1, maxLength: 5 }),
  sizes: fc.array(fc.constantFrom(1, 40, kib, 4 * kib, 100 * kib), { minLength: 1, maxLength: 60 }),
  takerDelays: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 5 }),
  cancelsAt: fc.option(fc.integer({ min: 0, max: 300 })),
  seed: fc.nat(),
})

function evilAnswer(character: Character): EvilAnswer {
  let calls = 0
  return (message, send) => {
    if (message.type !== 'want' || character === 'silent') return
    const count = message.ids.length / 32
    calls++
    for (let first = 0; first < count; first++) {
      if (character === 'moody' && (calls + first) % 4 === 0) return
      const length = character === 'empty' ? 0 : character === 'short' ? 1 : 700
      send({ type: 'chunks', request: message.request, first, lengths: [length] }, chunkOf(calls, length))
    }
  }
}

function cycle(values: readonly number[]): () => number {
  let at = 0
  return () => values[at++ % values.length] ?? 0
}

test('every want ends: delivered right, or known as held by nobody', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ casts, sizes, takerDelays, cancelsAt, seed }) => {
      const world = new TransferWorld({ windowBytes: window })
      const chunks = sizes.map((length, index) => chunkOf(seed + index, length))
      const held = new Set<string>()
      const honest: Source[] = []
      for (const [index, { character, share, delays, leavesAt, isNear }] of casts.entries()) {
        const options = { delayMs: cycle(delays), roundTripMs: isNear ? 1 : 90 }
        const name = `a${index}`
        if (character !== 'honest') {
          const source = world.evil(name, evilAnswer(character), options)
          if (leavesAt > 0) world.time.after(leavesAt, () => source.end.cut())
          continue
        }
        const source = world.source(name, options)
        honest.push(source)
        for (const [number, chunk] of chunks.entries()) {
          if ((number + index) % share !== 0) continue
          source.shelf.add(chunk, number % 3)
          if (leavesAt === 0 || index % 2 === 0) held.add(toHex(idOfChunk(chunk)))
        }
        if (leavesAt === 0) continue
        world.time.after(leavesAt, () => source.end.cut())
        // Some come back.
        if (index % 2 === 0) world.time.after(leavesAt + 1_000, () => world.connect(source, options))
      }
      const delay = cycle(takerDelays)
      world.taker.delay = async () => {
        const done = Promise.withResolvers<void>()
        world.time.after(delay(), done.resolve)
        await done.promise
      }
      const fickle = new CheckingTaker()
      for (const chunk of chunks) {
        const id = idOfChunk(chunk)
        world.fetcher.want(id, chunk.length, world.taker)
        world.fetcher.want(id, chunk.length, fickle)
      }
      if (cancelsAt !== null) world.time.after(cancelsAt, () => world.fetcher.cancel(fickle))
      await world.time.advance(1_000_000)

      const { got } = world.taker
      const all = new Set(chunks.map((chunk) => toHex(idOfChunk(chunk))))
      for (const id of held) expect(got.has(id)).toBe(true)
      for (const [id, sealed] of got) expect(toHex(idOfChunk(sealed))).toBe(id)
      const stats = world.fetcher.stats()
      expect(stats.wantedIds).toBe(stats.missingIds)
      expect(stats.wantedBytes).toBe(stats.missingBytes)
      expect(got.size + stats.wantedIds).toBe(all.size)
      // What is missing is asked for again from time to time.
      expect(stats.outstandingBytes).toBeLessThanOrEqual(stats.missingBytes)
      expect(stats.settlingBytes).toBe(0)
      expect(fickle.got.size).toBeLessThanOrEqual(got.size)
      expect(cancelsAt !== null || fickle.got.size === got.size).toBe(true)
      expect(world.taker.mostHeldBytes).toBeLessThanOrEqual(window * 1.5 + 100 * kib)
      const names = honest.map(({ device }) => device.slice(0, 2))
      expect(world.strikes.filter((text) => names.includes(text.slice(0, 2)))).toEqual([])
    }),
    { numRuns: runs },
  )
})
