import { beforeEach, expect, test } from 'vitest'
import { seededContent } from '../../../test/sync/support/content-samples.ts'
import { nodeContentSuite } from '../content/content-suite.ts'
import { SqliteChunks } from './sqlite-chunks.ts'
import { DatabaseSync } from 'node:sqlite'

const length = 10_000
const pack = 100_000
const ids = Array.from({ length: 40 }, (_, seed) => nodeContentSuite.hash(seededContent(seed, length)))

let chunks: SqliteChunks
beforeEach(() => {
  const places = { itemPath: () => undefined, keptPath: () => '/nowhere' }
  const database = new DatabaseSync(':memory:')
  chunks = new SqliteChunks({ directory: '/c', packs: 'memory', database, places, packBytes: pack })
  for (const [seed, id] of ids.entries()) {
    const row = { ids: id, keys: new Uint8Array(32), lengths: Uint32Array.of(length - 16) }
    chunks.addSealed(row, seededContent(seed, length))
  }
  chunks.commit()
})

function present(): number {
  return ids.filter((id) => chunks.has(id)).length
}

test('packs with enough holes are written anew, and what is alive in them stays', () => {
  const before = chunks.stats().packBytes
  expect(chunks.compact(0.25, pack)).toEqual({ freedBytes: 0, done: true })
  for (let at = 0; at < 40; at += 2) expect(chunks.drop(ids[at]!)).toBe(length)
  expect(chunks.drop(ids[0]!)).toBe(0)
  expect(chunks.stats().packBytes).toBe(before)
  for (let step = 0; step < 100 && !chunks.compact(0.25, length).done; step++) chunks.commit()
  chunks.commit()
  expect(present()).toBe(20)
  expect(chunks.stats().packBytes).toBeLessThan(before * 0.6)
  expect(chunks.scrub(1e9)).toMatchObject({ checked: 20, damaged: [] })
})

test('without room for a copy the pack with least in it goes as a whole', () => {
  for (const id of ids.slice(9, 14)) chunks.drop(id)
  const gone = chunks.dropLeastPack()
  chunks.commit()
  expect(gone.length).toBeGreaterThan(0)
  expect(gone.length).toBeLessThan(9)
  expect(present()).toBe(35 - gone.length)
  for (const id of gone) expect(chunks.has(id)).toBe(false)
  expect(chunks.damage.chunks).toBe(0)
})
