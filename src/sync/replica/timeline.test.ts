import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareHlc } from '../log/hlc.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { Timeline, compareEntries } from './timeline.ts'

/** Entries in an order that extends the causality of their clocks: few clocks and devices, so that all keys matter. */
const anyEntries = fc
  .uniqueArray(
    fc.record({
      ms: fc.nat(12),
      counter: fc.nat(1),
      device: fc.nat(2),
      incarnation: fc.nat(1),
      seq: fc.nat(2),
    }),
    { minLength: 1, maxLength: 40, selector: (key) => JSON.stringify(key) },
  )
  .map((keys) =>
    keys.map(
      ({ ms, counter, device, incarnation, seq }, index) =>
        ({
          hash: index.toString(16).padStart(64, '0'),
          deviceId: String(device).repeat(64),
          incarnation: String(incarnation).repeat(32),
          seq,
          hlc: { ms, counter },
        }) as LogEntry,
    ),
  )

/** Take in a few, let a statement cover a random part of the tip, take back statements. */
const anySteps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant('insert' as const), count: fc.integer({ min: 1, max: 8 }) }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('cover' as const), salt: fc.nat(1_000) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('uncover' as const), part: fc.nat(3) }) },
  ),
  { maxLength: 20 },
)

/** The order by its definition: everything sorted by the first statement that covers it, then by clock and the rest. */
class Model {
  readonly entries: LogEntry[] = []
  covered: Set<LogEntry>[] = []

  statementOf(entry: LogEntry): number {
    const found = this.covered.findIndex((set) => set.has(entry))
    return found < 0 ? Number.POSITIVE_INFINITY : found
  }

  get order(): LogEntry[] {
    return [...this.entries].sort((left, right) => {
      const [one, other] = [this.statementOf(left), this.statementOf(right)]
      return one === other ? compareEntries(left, right) : one - other
    })
  }
}

function firstDifference(before: readonly LogEntry[], after: readonly LogEntry[]): number {
  const at = after.findIndex((entry, index) => before[index] !== entry)
  return at < 0 ? after.length : at
}

test('any interleaving of inserting, covering and taking back gives what sorting from scratch gives', () => {
  fc.assert(
    fc.property(anyEntries, anySteps, (entries, steps) => {
      const timeline = new Timeline()
      const model = new Model()
      const waiting = [...entries]
      for (const step of steps) {
        const before = [...timeline.entries]
        let changed: number
        if (step.type === 'insert') {
          const added = waiting.splice(0, step.count)
          model.entries.push(...added)
          changed = timeline.insert(added)
        } else if (step.type === 'cover') {
          const tip = model.entries.filter((entry) => model.statementOf(entry) === Number.POSITIVE_INFINITY)
          const chosen = new Set(tip.filter((_, index) => ((index + 1) * (step.salt + 7)) % 3 !== 0))
          model.covered.push(chosen)
          const latest = [...chosen]
            .map(({ hlc }) => hlc)
            .toSorted(compareHlc)
            .at(-1)
          changed = timeline.cover((entry) => chosen.has(entry), step.salt % 2 === 0 ? latest : undefined)
        } else {
          const index = Math.max(0, model.covered.length - step.part)
          model.covered.length = index
          changed = timeline.uncover(index)
        }
        expect([...timeline.entries]).toEqual(model.order)
        expect(changed).toBeLessThanOrEqual(firstDifference(before, timeline.entries))
        expect(timeline.statements).toBe(model.covered.length)
        const final = model.entries.filter((entry) => model.statementOf(entry) < Number.POSITIVE_INFINITY)
        expect(timeline.finalLength).toBe(final.length)
        for (const [position, entry] of timeline.entries.entries()) {
          expect(timeline.statementAt(position)).toBe(model.statementOf(entry))
        }
      }
    }),
    { numRuns: 150 },
  )
})

test('it does not matter how often somebody looks while late entries come in', () => {
  const anyLooks = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 })
  const anyCounts = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(anyEntries, anyCounts, anyLooks, (entries, counts, looks) => {
      const timeline = new Timeline()
      const waiting = [...entries]
      let seen: LogEntry[] = []
      let changed = Number.POSITIVE_INFINITY
      for (const [step, count] of counts.entries()) {
        changed = Math.min(changed, timeline.insert(waiting.splice(0, count)))
        if (looks[step] !== true) continue
        expect(changed).toBeLessThanOrEqual(firstDifference(seen, timeline.entries))
        seen = [...timeline.entries]
        changed = Number.POSITIVE_INFINITY
      }
      timeline.cover((entry) => !waiting.includes(entry))
      const taken = entries.filter((entry) => !waiting.includes(entry))

      expect(timeline.finalLength).toBe(taken.length)
      expect([...timeline.entries]).toEqual(taken.toSorted(compareEntries))
    }),
    { numRuns: 150 },
  )
})

test('statements over a little of a long tip each look at no more of it', () => {
  const entries = Array.from(
    { length: 1_000 },
    (_, ms) =>
      ({ hash: String(ms), deviceId: '', incarnation: '', seq: ms, hlc: { ms, counter: 0 } }) as LogEntry,
  )
  const timeline = new Timeline()
  timeline.insert(entries)
  let looks = 0
  for (let ms = 9; ms < 1_000; ms += 10) {
    timeline.cover(
      ({ seq }) => {
        looks++
        return seq <= ms
      },
      { ms, counter: 0 },
    )
  }
  expect(looks).toBe(1_000)
  expect(timeline.finalLength).toBe(1_000)
  expect(timeline.entries).toEqual(entries)
})

describe('compareEntries', () => {
  const entry = (more: Partial<LogEntry>) =>
    ({
      hash: '5'.repeat(64),
      deviceId: '5'.repeat(64),
      incarnation: '5'.repeat(32),
      seq: 5,
      hlc: { ms: 5, counter: 5 },
      ...more,
    }) as LogEntry
  const low = { deviceId: '4'.repeat(64), incarnation: '4'.repeat(32), seq: 4, hash: '4'.repeat(64) }

  test.each<[string, Partial<LogEntry>]>([
    ['milliseconds', { hlc: { ms: 6, counter: 0 }, ...low }],
    ['counter', { hlc: { ms: 5, counter: 6 }, ...low }],
    ['device', { ...low, deviceId: '6'.repeat(64) }],
    ['incarnation', { incarnation: '6'.repeat(32), seq: 4, hash: '4'.repeat(64) }],
    ['seq', { seq: 6, hash: '4'.repeat(64) }],
    ['hash', { hash: '6'.repeat(64) }],
  ])('by %s, before all that comes after', (_, more) => {
    expect(compareEntries(entry({}), entry(more))).toBeLessThan(0)
    expect(compareEntries(entry(more), entry({}))).toBeGreaterThan(0)
  })

  test('an entry is itself', () => {
    expect(compareEntries(entry({}), entry({}))).toBe(0)
  })
})
