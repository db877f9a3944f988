import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lan, OfficeWorld, slowLine, type OfficeDevice, type WayOptions } from './support/office-world.ts'

/**
 * Whatever neighbours promise, whenever they come, go and lie: every device gets what some honest device that it reaches
 * has, nobody honest is charged, and nothing is owed at the end.
 */

const kib = 1024
const runs = Number(process.env['HARP_EXCHANGE_RUNS'] ?? 30)

const plan = fc.record({
  neighbours: fc.integer({ min: 1, max: 4 }),
  sizes: fc.array(fc.constantFrom(40, kib, 4 * kib, 100 * kib), { minLength: 1, maxLength: 80 }),
  /** When each begins to want; and which part it wants first. */
  starts: fc.array(fc.record({ at: fc.integer({ min: 0, max: 3_000 }), from: fc.nat(80) }), {
    minLength: 4,
    maxLength: 4,
  }),
  /** Links that are cut, and made again or not. */
  cuts: fc.array(
    fc.record({
      one: fc.nat(4),
      other: fc.nat(4),
      at: fc.integer({ min: 0, max: 5_000 }),
      again: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  liar: fc.constantFrom('none', 'mine', 'here', 'got', 'claims', 'releases', 'silent'),
  lines: fc.array(fc.constantFrom(20_000, 300_000, 3_000_000), { minLength: 4, maxLength: 4 }),
  old: fc.boolean(),
})

test('every want ends, whatever neighbours say', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ neighbours, sizes, starts, cuts, liar, lines, old }) => {
      const world = new OfficeWorld()
      const near = ['a1', 'b2', 'c3', 'd4'].slice(0, neighbours).map((name) => world.device(name))
      const far = world.device('f6')
      const all = [...near, far]
      const wayOf = (left: OfficeDevice, right: OfficeDevice): WayOptions => {
        const index = near.indexOf(left === far ? right : left)
        return left === far || right === far ? { ...slowLine, bytesPerSecond: lines[index] ?? 300_000 } : lan
      }
      const connect = (left: OfficeDevice, right: OfficeDevice): void => {
        const isOld = old && (left === near[0] || right === near[0])
        world.connect(left, right, wayOf(left, right), !isOld)
      }
      for (const [index, left] of all.entries()) {
        for (const right of all.slice(index + 1)) connect(left, right)
      }
      world.ticks()
      const chunks = sizes.map((length, index) => world.chunks(1, length, index)[0]!)
      for (const chunk of chunks) far.add(chunk)
      if (liar !== 'none') lie(world, near, liar)
      for (const [index, each] of near.entries()) {
        const { at = 0, from = 0 } = starts[index] ?? {}
        const turned = [...chunks.slice(from), ...chunks.slice(0, from)]
        world.time.after(at, () => each.want(turned))
      }
      for (const { one, other, at, again } of cuts) {
        const [left, right] = [all[one % all.length]!, all[other % all.length]!]
        if (left === right) continue
        const isFar = left === far || right === far
        world.time.after(at, () => world.cut(left, right))
        // Of far lines all come back: else it may be that nobody can have it.
        if (again || isFar) world.time.after(at + 2_000, () => connect(left, right))
      }
      await world.time.advance(1_500_000)
      for (const each of near) {
        expect(each.taker.got.size).toBe(new Set(chunks.map((chunk) => chunk.toString())).size)
        expect(each.fetcher.stats()).toMatchObject({ wantedIds: 0, outstandingBytes: 0, settlingBytes: 0 })
        expect(each.strikes.filter((text) => !text.startsWith('ee') && !text.includes('slow'))).toEqual([])
      }
    }),
    { numRuns: runs },
  )
})

function lie(world: OfficeWorld, near: readonly OfficeDevice[], how: string): void {
  let number = 0
  world.liar('ee', near, (message, say) => {
    if (message.type !== 'claim' || how === 'silent') return
    const { ids } = message
    const verdict = how === 'mine' ? 2 : how === 'here' ? 1 : 0
    const verdicts = new Uint8Array(ids.length / 32).fill(verdict)
    say({ type: 'answer', number: message.number, verdicts })
    if (how === 'got') say({ type: 'got', ids })
    if (how === 'releases') say({ type: 'release', ids })
    if (how === 'claims' && number < 1_000) say({ type: 'claim', number: number++, ids })
  })
}
