import { expect, test } from 'vitest'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'
import { relay, type RelaySummary } from './relay.ts'

/** One end of a tunnel in memory, with a full queue on demand. */
class Peer implements Wire {
  received = ''
  calls: string[] = []
  isFull = false
  handler: WireHandler | null = null
  setHandler(handler: WireHandler): void {
    this.handler = handler
  }
  write(data: Buffer | string): boolean {
    this.received += data.toString()
    return !this.isFull
  }
  end(): void {
    this.calls.push('end')
  }
  destroy(): void {
    this.calls.push('destroy')
  }
  destroySoon(): void {
    this.calls.push('destroySoon')
  }
  cork(): void {}
  uncork(): boolean {
    return true
  }
  pause(): void {
    this.calls.push('pause')
  }
  resume(): void {
    this.calls.push('resume')
  }
}

function setup(idleMs = 60_000) {
  let now = 0
  const client = new Peer()
  const upstream = new Peer()
  const done: RelaySummary[] = []
  const sweeper = new DeadlineSweeper(60_000, () => now)
  const clock = { monotonic: () => now, wall: () => now }
  relay(client, upstream, {
    idleMs,
    halfClosedIdleMs: 30_000,
    clock,
    sweeper,
    onDone: (summary) => done.push(summary),
  })
  const advance = (ms: number): void => {
    now += ms
    sweeper.sweep()
  }
  return { client, upstream, done, advance, sweeper }
}

test('bytes go both ways and are counted', () => {
  const { client, upstream, done } = setup()

  client.handler?.onData(Buffer.from('ping'))
  upstream.handler?.onData(Buffer.from('pong!'))
  client.handler?.onClose(null)
  upstream.handler?.onClose(null)

  expect([upstream.received, client.received]).toEqual(['ping', 'pong!'])
  expect(done).toEqual([{ bytesFromClient: 4, bytesFromUpstream: 5, end: 'closed' }])
})

test('a full side pauses the other until it has drained', () => {
  const { client, upstream } = setup()
  client.isFull = true

  upstream.handler?.onData(Buffer.from('x'))
  expect(upstream.calls).toEqual(['pause'])

  client.handler?.onDrain()
  expect(upstream.calls).toEqual(['pause', 'resume'])
})

test('an end is passed on and the other direction goes on', () => {
  const { client, upstream, done } = setup()

  client.handler?.onEnd()
  upstream.handler?.onData(Buffer.from('tail'))

  expect(upstream.calls).toEqual(['end'])
  expect(client.received).toBe('tail')
  expect(done).toEqual([])
})

test('what a side sent before it broke still reaches the other', () => {
  const { client, upstream, done } = setup()

  upstream.handler?.onData(Buffer.from('last'))
  upstream.handler?.onClose(new Error('reset'))
  expect(client.calls).toEqual(['destroySoon'])

  client.handler?.onClose(null)
  expect(done.map((summary) => summary.end)).toEqual(['error'])
})

test('silence ends a tunnel, traffic in either direction keeps it', () => {
  const { client, upstream, done, advance } = setup()

  advance(59_000)
  client.handler?.onData(Buffer.from('x'))
  advance(59_000)
  upstream.handler?.onData(Buffer.from('x'))
  advance(59_000)
  expect(done).toEqual([])

  advance(1_000)
  expect(done.map((summary) => summary.end)).toEqual(['idle'])
  expect(client.calls).toContain('destroy')
  expect(upstream.calls).toContain('destroy')
})

test('a half-closed tunnel is reaped after 30 seconds of silence even where idling is unlimited', () => {
  const { client, upstream, done, advance } = setup(Number.POSITIVE_INFINITY)
  advance(86_400_000)
  client.handler?.onEnd()

  advance(29_000)
  upstream.handler?.onData(Buffer.from('x'))
  advance(29_000)
  expect(done).toEqual([])

  advance(1_000)
  expect(done.map((summary) => summary.end)).toEqual(['idle'])
})
