import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { errorCode } from '../../base/errors.ts'
import { WorkConnectionPool, type PooledWork } from './work-connection-pool.ts'

class Work implements PooledWork {
  isDiscarded = false
  discard(): void {
    this.isDiscarded = true
  }
}

let requested = 0
let pool: WorkConnectionPool<Work>

beforeEach(() => {
  vi.useFakeTimers()
  requested = 0
  pool = new WorkConnectionPool({ capacity: 2, maxWaiting: 2, request: () => (requested += 1) })
})

afterEach(() => {
  vi.useRealTimers()
})

test('an idle one is taken at once, the oldest first, and its successor is asked for', () => {
  const [first, second] = [new Work(), new Work()]
  pool.offer(first)
  pool.offer(second)

  expect(pool.take(1_000)).toBe(first)
  expect(requested).toBe(1)
  expect(pool.idleCount).toBe(1)
})

test('who waits is served in order; each is asked for, and its successor too', async () => {
  const waiting = [Promise.resolve(pool.take(1_000)), Promise.resolve(pool.take(1_000))]
  expect(requested).toBe(2)
  const [first, second] = [new Work(), new Work()]
  pool.offer(first)
  pool.offer(second)

  expect(await Promise.all(waiting)).toEqual([first, second])
  expect(requested).toBe(4)
})

test('a wait ends with an error that says so, and a later one is kept for the next', async () => {
  const late = codeOf(pool.take(1_000))
  await vi.advanceTimersByTimeAsync(1_001)
  expect(await late).toBe('TUNNEL_NO_WORK_CONNECTION')
  const work = new Work()
  pool.offer(work)

  expect(pool.waitingCount).toBe(0)
  expect(pool.take(1_000)).toBe(work)
})

test('neither idle ones nor who waits grow without end', async () => {
  const many = [new Work(), new Work(), new Work()]
  for (const work of many) pool.offer(work)
  expect(many.map((work) => work.isDiscarded)).toEqual([false, false, true])

  void pool.take(1)
  void pool.take(1)
  const waits = [pool.take(5_000), pool.take(5_000)]
  for (const wait of waits) void Promise.resolve(wait).catch(() => {})
  await expect(pool.take(5_000)).rejects.toMatchObject({ code: 'TUNNEL_NO_WORK_CONNECTION' })
  pool.close()
})

test('one that died while idle is not given out', () => {
  const [dead, alive] = [new Work(), new Work()]
  pool.offer(dead)
  pool.offer(alive)
  pool.remove(dead)

  expect(pool.take(1_000)).toBe(alive)
})

test('closing discards what is idle, tells who waits, and takes nothing more', async () => {
  const idle = new Work()
  pool.offer(idle)
  void pool.take(1_000)
  const waiting = codeOf(pool.take(1_000))
  pool.close()
  expect(await waiting).toBe('TUNNEL_LOST')
  const late = new Work()
  pool.offer(late)

  expect(late.isDiscarded).toBe(true)
  await expect(pool.take(1_000)).rejects.toMatchObject({ code: 'TUNNEL_LOST' })
})

async function codeOf(taking: Work | Promise<Work>): Promise<string> {
  try {
    await taking
    return 'taken'
  } catch (error) {
    return errorCode(error)
  }
}
