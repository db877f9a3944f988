import { afterEach, expect, test } from 'vitest'
import { EventLoopLag } from './event-loop-lag.ts'

let now = 0
const clock = { monotonic: () => now, wall: () => 0 }
const meters: EventLoopLag[] = []
afterEach(() => {
  for (const meter of meters.splice(0)) meter.stop()
})

function start(): EventLoopLag {
  now = 0
  const lag = new EventLoopLag({ clock, windowMs: 10_000 })
  meters.push(lag)
  return lag
}

test('a timer that comes on time is no stall', () => {
  const lag = start()

  for (now = 200; now < 5_000; now += 200) lag.tick()

  expect(lag.longestMs).toBe(0)
})

test('a stall is told as long as it lasts and for at least the window after it', () => {
  const lag = start()

  now = 1_700
  expect(lag.longestMs).toBe(1_500)
  lag.tick()
  while (now < 11_000) {
    now += 200
    lag.tick()
  }

  expect(lag.longestMs).toBe(1_500)
})

test('a stall is forgotten after two windows', () => {
  const lag = start()
  now = 1_700
  lag.tick()

  while (now < 25_000) {
    now += 200
    lag.tick()
  }

  expect(lag.longestMs).toBe(0)
})
