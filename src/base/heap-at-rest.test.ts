import { expect, test } from 'vitest'
import { HeapAtRest, type HeapControl } from './heap-at-rest.ts'

const mib = 1024 * 1024

class ModelHeap implements HeapControl {
  garbage = 0
  live = 60 * mib
  work = 0
  collections = 0

  committed(): number {
    return this.live + this.garbage
  }

  utilization(): number {
    return this.work
  }

  collect(): void {
    this.collections++
    this.garbage = 0
  }
}

function restingHeap(): { heap: ModelHeap; look: (afterMs?: number) => number } {
  const heap = new ModelHeap()
  let now = 0
  const atRest = new HeapAtRest(heap, { monotonic: () => now, wall: () => now })
  return {
    heap,
    /** How many collections there were by then. */
    look: (afterMs = 2_000) => {
      now += afterMs
      atRest.look()
      return heap.collections
    },
  }
}

test('what the opening left is given back when there is nothing more to do, and only once', () => {
  const { heap, look } = restingHeap()
  heap.garbage = 200 * mib
  heap.work = 0.9
  expect([look(), look()]).toEqual([0, 0])
  heap.work = 0.02
  expect([look(), look(), look(120_000)]).toEqual([1, 1, 1])
  expect(heap.garbage).toBe(0)
})

test('a little more than was left is not worth a collection', () => {
  const { heap, look } = restingHeap()
  look()
  heap.garbage = 30 * mib
  expect(look(120_000)).toBe(1)
  heap.garbage = 32 * mib
  expect(look(120_000)).toBe(2)
})

test('what falls after a collection by itself is no reason for another one', () => {
  const { heap, look } = restingHeap()
  look()
  heap.live = 20 * mib
  look(120_000)
  heap.garbage = 15 * mib
  expect(look(120_000)).toBe(1)
  heap.garbage = 25 * mib
  expect(look(120_000)).toBe(2)
})

test('who often works a little is not held up more than once a minute', () => {
  const { heap, look } = restingHeap()
  look()
  for (let ms = 0; ms < 58_000; ms += 2_000) {
    heap.garbage = 200 * mib
    look()
  }
  expect(heap.collections).toBe(1)
  expect(look()).toBe(2)
})
