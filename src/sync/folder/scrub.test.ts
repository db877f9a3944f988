import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../../../src/base/logger.ts'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { fingerprintOf } from '../disk/file-system.ts'
import { rootItem, type Item } from '../items/item.ts'
import { InlinePool } from '../work/inline-pool.ts'
import { DiskLock } from './disk-lock.ts'
import { Scrub } from './scrub.ts'

const keys = { content: new Uint8Array(32).fill(1), boundaries: new Uint8Array(32).fill(2) }
const mib = 1024 * 1024
const day = 86_400_000

let own: UpDevice
let now: number
let lost: number
let rate: number

beforeEach(async () => {
  own = new UpDevice().found()
  now = Date.now()
  lost = 0
  rate = 2 * mib
  own.put('f', seededBytes('content of f')(3 * mib))
  await own.scan()
})

afterEach(() => own.close())

function scrub(): Scrub {
  const { root, replica, items, chunks, fs } = own
  const { chunker } = replica.log.genesis!
  return new Scrub({
    root,
    replica,
    items,
    chunks,
    fs,
    keys,
    chunker,
    scrubRate: rate,
    lock: new DiskLock(),
    pool: new InlinePool(fs),
    clock: { wall: () => now, monotonic: () => now },
    halted: new SharedArrayBuffer(1),
    log: createLogger('error', { write: () => undefined }),
    onDamage: () => undefined,
    onLost: () => void lost++,
    rescan: () => undefined,
  })
}

function file(): Item {
  return own.items.child(rootItem, 'f')!
}

/** A bit flips, and the stat that was seen last is the one that is there: as if it were unchanged. */
function rot(offset: number): void {
  const bytes = readFileSync(own.path('f'))
  bytes[offset] = (bytes[offset] ?? 0) ^ 1
  writeFileSync(own.path('f'), bytes)
  utimesSync(own.path('f'), 1_000_000, 1_000_000)
  own.items.update(file().id, { print: fingerprintOf(own.fs.stat(own.path('f'))!) })
}

async function minutes(scrubbing: Scrub, count: number): Promise<void> {
  for (let second = 0; second < count * 60; second++) {
    now += 1_000
    await scrubbing.tick()
  }
}

test('everything is read once in its time, and no faster than that', async () => {
  const scrubbing = scrub()
  now += day
  await minutes(scrubbing, 1)
  // A thirtieth is due, and a step is read whole.
  expect(scrubbing.counters.bytes).toBeGreaterThan(0)
  expect(scrubbing.counters.bytes).toBeLessThanOrEqual(2 * mib)
  now += 30 * day
  await minutes(scrubbing, 1)
  expect(scrubbing.counters).toMatchObject({ damaged: 0 })
  expect(scrubbing.counters.lastPassAt).toBeDefined()
})

test('never faster than it may be', async () => {
  rate = 1_000
  const scrubbing = scrub()
  now += 40 * day
  await minutes(scrubbing, 1)
  expect(scrubbing.counters.bytes).toBeLessThanOrEqual(mib + 300_000)
})

test('nothing is read where it is turned off', async () => {
  rate = 0
  const scrubbing = scrub()
  now += 40 * day
  await minutes(scrubbing, 1)
  expect(scrubbing.counters.bytes).toBe(0)
})

test('a file that lost a bit is found, read once more, and then to be put in place again', async () => {
  rot(1_500_000)
  const { version } = file()
  const scrubbing = scrub()
  now += 40 * day
  await scrubbing.tick()
  while (scrubbing.counters.lastPassAt === undefined) await scrubbing.step()
  expect(file().version).toBe(version)
  await minutes(scrubbing, 2)
  expect([file().version, lost, scrubbing.counters.damaged]).toEqual([undefined, 1, 1])
  // Only the chunk with the bit is gone from here.
  const rows = own.rows(version!)!
  const here = Array.from(rows.lengths, (_, row) =>
    own.chunks.has(rows.ids.subarray(row * 32, row * 32 + 32)),
  )
  expect(here.filter((isHere) => !isHere)).toHaveLength(1)
  expect(own.chunks.damagedFiles(0, 10)).toEqual([file().id])
})

test('a file that is written to meanwhile is no damage', async () => {
  rot(1_500_000)
  const { version } = file()
  const scrubbing = scrub()
  now += 40 * day
  await scrubbing.tick()
  while (scrubbing.counters.lastPassAt === undefined) await scrubbing.step()
  writeFileSync(own.path('f'), 'something else')
  await minutes(scrubbing, 2)
  expect([file().version, lost]).toEqual([version, 0])
  expect(statSync(own.path('f')).size).toBe(14)
})

test('small files share a step, and each is looked at', async () => {
  for (let index = 0; index < 100; index++) own.put(`s${index}`, Buffer.from(`content of s${index}`))
  await own.scan()
  const small = own.items.child(rootItem, 's70')!
  writeFileSync(own.path('s70'), 'content of S70')
  utimesSync(own.path('s70'), 1_000_000, 1_000_000)
  own.items.update(small.id, { print: fingerprintOf(own.fs.stat(own.path('s70'))!) })
  const scrubbing = scrub()
  now += 40 * day
  let steps = 0
  for (let isEnd = false; !isEnd; steps++) isEnd = await scrubbing.step()
  // Three or four for the large one, two for the small ones, one that finds no packs and one no more files.
  expect(steps).toBeLessThanOrEqual(8)
  await minutes(scrubbing, 2)
  expect(own.chunks.damagedFiles(0, 10)).toEqual([small.id])
})

test('where it is survives a restart', async () => {
  const before = scrub()
  await before.step()
  await before.step()
  const steps = { before: 2, after: 0 }
  const after = scrub()
  while (after.counters.lastPassAt === undefined) {
    await after.step()
    steps.after++
  }
  const whole = scrub()
  let all = 0
  for (let isEnd = false; !isEnd; all++) isEnd = await whole.step()
  expect(steps.before + steps.after).toBe(all)
})
