import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sampleKeys, seededContent, smallChunker } from '../../../test/sync/support/content-samples.ts'
import { concatBytes } from '../format/cbor.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import type { BoundaryScan } from './boundary-scan.ts'
import { Chunker, createScan, gearTable } from './chunker.ts'
import { ScriptScan } from './script-scan.ts'
import { WasmScan } from './wasm-scan.ts'

const table = gearTable(sampleKeys)
const capacity = 1_500_000
const scans = [createScan(capacity), new ScriptScan(capacity)] as const
const [fast, slow] = scans

/** Where the chunks end. */
function cuts(
  scan: BoundaryScan,
  content: Uint8Array,
  parameters: ChunkerParameters = smallChunker,
): number[] {
  const chunker = new Chunker(scan, table, parameters)
  chunker.buffer.set(content)
  const ends: number[] = []
  for (let at = 0; at < content.length;) {
    at = chunker.cut(at, content.length, true)
    ends.push(at)
  }
  return ends
}

const lengthsOf = (ends: readonly number[]) => ends.map((end, index) => end - (ends[index - 1] ?? 0))

test('WebAssembly is there, and used', () => {
  expect(fast).toBeInstanceOf(WasmScan)
})

describe('both scans find the same', () => {
  test('first byte below a threshold', () => {
    const bytes = seededContent(1, 4_096)
    for (const scan of scans) scan.use(table)
    fc.assert(
      fc.property(
        fc.nat(4_000),
        fc.nat(40),
        fc.nat(4_096),
        fc.integer({ min: -0x8000_0000, max: -0x7800_0000 }),
        fc.constantFrom(0, 0x41, 0xff, undefined),
        (from, warm, length, threshold, fill) => {
          const content = fill === undefined ? bytes : new Uint8Array(4_096).fill(fill)
          for (const scan of scans) scan.buffer.set(content)
          const at = from + warm
          const end = Math.min(4_096, at + length)
          expect(fast.find(from, at, end, threshold)).toBe(slow.find(from, at, end, threshold))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('boundaries of contents, of any parameters', () => {
    const parameters = fc
      .tuple(fc.integer({ min: 1, max: 500 }), fc.nat(2_000), fc.nat(4_000))
      .map(([minimum, more, most]) => ({ minimum, target: minimum + more, maximum: minimum + more + most }))
    fc.assert(
      fc.property(fc.nat(), fc.nat(20_000), parameters, (seed, length, chunker) => {
        const content = seededContent(seed, length)
        expect(cuts(fast, content, chunker)).toEqual(cuts(slow, content, chunker))
      }),
      { numRuns: 300 },
    )
  })
})

test('chunks have the lengths that the folder says', () => {
  const content = seededContent(2, 1_400_000)
  const lengths = lengthsOf(cuts(fast, content))
  const { minimum, target, maximum } = smallChunker
  for (const length of lengths.slice(0, -1)) expect(length).toBeGreaterThanOrEqual(minimum)
  for (const length of lengths) expect(length).toBeLessThanOrEqual(maximum)
  const mean = content.length / lengths.length
  expect(mean).toBeGreaterThan(target * 0.9)
  expect(mean).toBeLessThan(target * 1.4)
})

test('where nothing tells places apart, chunks are as large as they may be, or as small', () => {
  const zeros = lengthsOf(cuts(fast, new Uint8Array(100_000)))
  expect(new Set(zeros.slice(0, -1)).size).toBe(1)
})

test.each([0, 1, smallChunker.minimum - 1, smallChunker.minimum])(
  '%i bytes are at most one chunk',
  (length) => {
    expect(cuts(fast, seededContent(3, length))).toEqual(length === 0 ? [] : [length])
  },
)

test('an insertion moves only the boundaries around it', () => {
  const content = seededContent(4, 600_000)
  const inserted = seededContent(5, 1_234)
  const changed = concatBytes(content.subarray(0, 300_000), inserted, content.subarray(300_000))
  const before = cuts(fast, content)
  const after = new Set(cuts(fast, changed).map((end) => (end > 300_000 ? end - inserted.length : end)))
  const kept = before.filter((end) => after.has(end))
  expect(before.length - kept.length).toBeLessThanOrEqual(8)
})

test('other folders cut elsewhere', () => {
  const content = seededContent(6, 200_000)
  const other = new Chunker(fast, gearTable({ ...sampleKeys, boundaries: sampleKeys.content }), smallChunker)
  const ours = cuts(fast, content)
  other.buffer.set(content)
  let at = 0
  let common = 0
  while (at < content.length) {
    at = other.cut(at, content.length, true)
    if (at < content.length && ours.includes(at)) common++
  }
  expect(common).toBeLessThan(3)
})

test('the end of a part is no boundary', () => {
  const chunker = new Chunker(fast, table, smallChunker)
  const content = seededContent(7, 100_000)
  chunker.buffer.set(content)
  const whole = cuts(fast, content)
  expect(() => chunker.cut(0, smallChunker.maximum - 1, false)).toThrow(RangeError)
  expect(chunker.cut(0, smallChunker.maximum, false)).toBe(whole[0])
})
