import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ChunkRows } from '../content/content.ts'
import { idOf } from './download.ts'
import { PlacedRows } from './placed-rows.ts'

function rowsOf(count: number): ChunkRows {
  const ids = new Uint8Array(randomBytes(32 * count))
  // The same chunk at two places, and two that differ at their ends only.
  ids.copyWithin(32 * 5, 32 * 3, 32 * 4)
  ids.copyWithin(32 * 7, 32 * 6, 32 * 7)
  ids[32 * 8 - 1] = (ids[32 * 7 - 1] ?? 0) ^ 1
  return { ids, keys: ids, lengths: new Uint32Array(count).fill(10) }
}

test('finds what is in the file, and nothing else', () => {
  const rows = rowsOf(1_000)
  const placed = new PlacedRows(rows)
  expect(placed.find(idOf(rows, 0))).toBeUndefined()
  placed.setAll()
  for (let row = 0; row < 1_000; row++) expect(placed.find(idOf(rows, row))).toBe(row === 5 ? 3 : row)
  placed.set(6, false)
  expect(placed.find(idOf(rows, 6))).toBeUndefined()
  expect(placed.find(idOf(rows, 7))).toBe(7)
  expect(placed.find(new Uint8Array(randomBytes(32)))).toBeUndefined()
})

test('a file of one chunk over and over costs no time', () => {
  const count = 200_000
  const ids = new Uint8Array(32 * count)
  const rows = { ids, keys: ids, lengths: new Uint32Array(count).fill(10) }
  const placed = new PlacedRows(rows)
  placed.setAll()
  expect(placed.find(new Uint8Array(32))).toBe(0)
})
