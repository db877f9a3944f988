import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CacheIndex } from './cache-index.ts'
import { heatOfUse } from './heat.ts'

const now = 1_000_000
let directory: string
let path: string
let index: CacheIndex
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-cache-'))
  path = join(directory, 'cache.sqlite')
  index = new CacheIndex(path)
})
afterEach(() => {
  index.close()
  rmSync(directory, { recursive: true })
})

const absent = (): boolean => false

/** `seed` in the last byte, so that all have one prefix. */
function id(seed: number): Uint8Array {
  const bytes = new Uint8Array(32)
  bytes[31] = seed
  return bytes
}

function learn(seed: number, entryMs: number, isHere = absent): void {
  index.learn(id(seed), entryMs, now, isHere)
}

function wanted(round = 1): number[] {
  return index.wanted(round, 100).map((chunk) => chunk.id[31]!)
}

function numberOf(seed: number): number {
  return index.wanted(1_000, 100).find((chunk) => chunk.id[31] === seed)!.number
}

describe('what is wanted', () => {
  test('newest first, by the newest entry that names it', () => {
    learn(1, 10)
    learn(2, 30)
    learn(3, 20)
    expect(wanted()).toEqual([2, 3, 1])
    learn(1, 40)
    learn(2, 5)
    expect(wanted()).toEqual([1, 2, 3])
  })

  test('first what somebody asked for; what no entry names is not known', () => {
    learn(1, 10)
    learn(2, 30)
    index.used(id(1), 1, now, 1)
    index.used(id(9), 1, now, 1)
    expect(wanted()).toEqual([1, 2])
    expect(index.knows(id(9))).toBe(false)
  })

  test('what nobody had waits for the next round, or for a new entry', () => {
    learn(1, 10)
    learn(2, 30)
    index.missed(numberOf(2), 1)
    index.missed(numberOf(1), 1)
    expect(wanted()).toEqual([])
    // It was asked for in this round already.
    index.used(id(1), 1, now, 1)
    expect(wanted()).toEqual([])
    expect(index.counts).toEqual({ held: 0, wanted: 0, missing: 2 })
    expect(wanted(2)).toEqual([2, 1])
    learn(1, 40)
    expect(wanted()).toEqual([1])
  })

  test('not what is here', () => {
    learn(1, 10, () => true)
    learn(2, 20)
    expect(wanted()).toEqual([2])
    index.stored(numberOf(2), heatOfUse(now))
    expect(wanted()).toEqual([])
    index.goneId(id(2), true)
    learn(3, 90)
    expect(wanted()).toEqual([2, 3])
  })
})

test('the coldest go first, and uses make warm', () => {
  for (const seed of [1, 2, 3]) learn(seed, seed, () => true)
  index.used(id(1), 1, now, 1)
  const coldest = (below = Number.POSITIVE_INFINITY): number[] =>
    index.coldest(below, 10).map((chunk) => chunk.id[31]!)
  expect(coldest()).toEqual([2, 3, 1])
  expect(coldest(heatOfUse(now) - 0.5)).toEqual([2, 3])
})

test('all that was committed is there again, and the counts with it', () => {
  for (let seed = 0; seed < 20; seed++) learn(seed, seed, () => seed < 5)
  index.missed(numberOf(7), 1)
  index.setFact('name', 'value')
  index.commit()
  const { counts } = index
  index.close()
  index = new CacheIndex(path)
  expect(index.counts).toEqual(counts)
  expect(counts).toEqual({ held: 5, wanted: 14, missing: 1 })
  expect(index.fact('name')).toBe('value')
})

test('a file that is damaged is set aside and begun anew', () => {
  index.close()
  writeFileSync(path, 'no database at all'.repeat(1_000))
  const said: string[] = []
  index = new CacheIndex(path, (message) => said.push(message))
  expect(said).toHaveLength(1)
  expect(readFileSync(`${path}.damaged`, 'utf8')).toContain('no database')
  learn(1, 10)
  expect(wanted()).toEqual([1])
})
