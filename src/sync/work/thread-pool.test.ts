import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  sampleKeys as keys,
  seededContent,
  smallChunker,
} from '../../../test/sync/support/content-samples.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { InlinePool } from './inline-pool.ts'
import type { ListResult, WorkPool } from './job.ts'
import { ThreadPool } from './thread-pool.ts'
import type { ThreadPoolOptions } from './thread-pool.ts'

const folder = mkdtempSync(join(tmpdir(), 'harp-pool-'))
afterAll(() => rmSync(folder, { recursive: true }))
for (const [index, size] of [0, 5, 4_096, 300_000].entries()) {
  writeFileSync(join(folder, `${index}`), seededContent(index, size))
}

const open: WorkPool[] = []
function pooled<P extends WorkPool>(pool: P): P {
  open.push(pool)
  return pool
}
afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close()
})

const entry = new URL('../../../test/sync/support/odd-worker.ts', import.meta.url)
const odd = (options: Partial<ThreadPoolOptions> = {}) =>
  pooled(new ThreadPool({ threads: 1, entry, ...options }))
/** A patient job, and one that goes before it. */
const list = (pool: WorkPool, what: string) => pool.run('list', { directories: [what] })
const urgent = (pool: WorkPool, what: string) =>
  pool.run('serve', { directories: [what], chunks: [] } as never) as unknown as Promise<ListResult>

test.each<[string, () => WorkPool]>([
  ['threads', () => pooled(new ThreadPool({ threads: 2 }))],
  ['inline', () => pooled(new InlinePool(nodeFileSystem))],
])('jobs of a folder: %s', async (_name, make) => {
  const pool = make()
  const [listing] = (await pool.run('list', { directories: [folder] })).listings
  const names = 'entries' in listing! ? listing.entries.map(({ name }) => name).sort() : []
  expect(names).toEqual(['0', '1', '2', '3'])
  const files = [...names, 'absent'].map((name) => ({ path: join(folder, name) }))
  const job = { keys, chunker: smallChunker, files, keepUpTo: 300_000 }
  const found = (await pool.run('hash', job)).files
  expect(found.map(({ state }) => state)).toEqual(['hashed', 'hashed', 'hashed', 'hashed', 'missing'])
  const last = found[3]!
  if (last.state !== 'hashed') throw new Error(last.state)
  const id = last.rows.ids.subarray(0, 32)
  const key = last.rows.keys.subarray(0, 32)
  const source = { in: 'file', path: files[3]!.path, offset: 0, length: last.rows.lengths[0]!, key } as const
  const { sealed } = await pool.run('serve', {
    chunks: [
      { id, source },
      { id: key, source },
    ],
  })
  expect(sealed).toEqual([last.sealed!.subarray(0, source.length + 16), undefined])
})

describe('a thread', () => {
  test('that fails in a job goes on', async () => {
    const pool = odd()
    await expect(list(pool, 'fail')).rejects.toMatchObject({ code: 'WORK_FAILED', message: 'list: as told' })
    expect((await list(pool, '')).listings).toEqual([{ code: 'list', message: '2' }])
  })

  test.each([
    ['crash', /as told/],
    ['die', /code 7/],
  ])('that is lost (%s) takes its job with it, and no other', async (how, cause) => {
    const pool = odd()
    const lost = list(pool, how)
    const next = list(pool, '')
    await expect(lost).rejects.toMatchObject({ code: 'WORK_THREAD_LOST' })
    await expect(lost).rejects.toThrow(cause)
    expect((await next).listings).toEqual([{ code: 'list', message: '1' }])
  })

  test('that had nothing to do for a while is ended, and another one begun when there is work', async () => {
    const pool = odd({ idleMs: 1 })
    expect((await list(pool, '')).listings).toEqual([{ code: 'list', message: '1' }])
    const later = Promise.withResolvers<void>()
    setTimeout(later.resolve, 30)
    await later.promise
    expect((await list(pool, '')).listings).toEqual([{ code: 'list', message: '1' }])
  })

  test('is not asked for what is no plain data', async () => {
    const pool = odd()
    const job = { directories: [''], call: () => 0 }
    await expect(pool.run('list', job)).rejects.toMatchObject({ code: 'WORK_FAILED' })
    expect((await list(pool, '')).listings).toMatchObject([{ code: 'list' }])
  })
})

describe('order', () => {
  test('transfers go before lists and hashes that wait', async () => {
    const pool = odd()
    const order: string[] = []
    const note = (what: string) => () => order.push(what)
    await Promise.all([
      urgent(pool, 'wait 20').then(note('first')),
      list(pool, '').then(note('list')),
      urgent(pool, '').then(note('transfer')),
    ])
    expect(order).toEqual(['first', 'transfer', 'list'])
  })

  test('hashing never keeps transfers waiting', async () => {
    const pool = odd({ threads: 2, closeMs: 1 })
    const hashing = Promise.allSettled([list(pool, 'wait 100000'), list(pool, 'wait 100000')])
    expect((await urgent(pool, '')).listings).toEqual([{ code: 'serve', message: '1' }])
    await pool.close()
    expect((await hashing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

describe('closing', () => {
  test('lets run what runs, and refuses what waits and what comes', async () => {
    const pool = odd()
    const running = list(pool, 'wait 20')
    const waiting = Promise.allSettled([list(pool, '')])
    const closing = pool.close()
    await expect(list(pool, '')).rejects.toMatchObject({ code: 'WORK_CLOSED' })
    expect((await running).listings).toHaveLength(1)
    await Promise.all([closing, pool.close()])
    expect(await waiting).toMatchObject([{ reason: { code: 'WORK_CLOSED' } }])
  })

  test('cuts off what runs for too long', async () => {
    const pool = odd({ closeMs: 20 })
    const running = Promise.allSettled([list(pool, 'wait 100000')])
    await pool.close()
    expect(await running).toMatchObject([{ reason: { code: 'WORK_CLOSED' } }])
  })

  test('of one that never had work', async () => {
    await expect(new ThreadPool({ threads: 2 }).close()).resolves.toBeUndefined()
    const inline = new InlinePool(nodeFileSystem)
    await inline.close()
    await expect(inline.run('list', { directories: [] })).rejects.toMatchObject({ code: 'WORK_CLOSED' })
  })
})

test('the queue has an end', async () => {
  const pool = odd({ queueLimit: 2 })
  const taken = ['wait 5', '', ''].map((what) => list(pool, what))
  await expect(list(pool, '')).rejects.toMatchObject({ code: 'WORK_QUEUE_FULL' })
  expect(await Promise.all(taken)).toHaveLength(3)
})
