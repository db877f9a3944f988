/** A WebSocket that says nothing: for an hour of simulated time through both ends of a tunnel. */
import { expect, test } from 'vitest'
import { DeadlineSweeper } from '../../src/base/deadlines.ts'
import { relay, type RelaySummary } from '../../src/gateway/proxy/relay.ts'
import { YamuxSession } from '../../src/mux/yamux/session.ts'
import { MemoryLink } from '../support/memory-link.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { WireRecorder } from '../support/wire-recorder.ts'

test('idle for an hour of simulated time: open at both ends, and the next message arrives', async () => {
  const time = new VirtualTime()
  const sweeper = new DeadlineSweeper(3_600_000, () => time.monotonic())
  const dues = {
    get deadlineAt() {
      return Math.ceil((time.monotonic() + 1) / 250) * 250
    },
    onDeadline: () => sweeper.sweep(),
  }
  time.watch(dues)
  const ends: (RelaySummary | Error | null)[] = []
  const join = (one: Parameters<typeof relay>[0], other: Parameters<typeof relay>[1]): void =>
    relay(one, other, {
      idleMs: Infinity,
      halfClosedIdleMs: 30_000,
      clock: time,
      sweeper,
      onDone: (end) => ends.push(end),
    })
  // Visitor — gateway — tunnel — client — app, with the keep-alives of the real two.
  const [visitors, line, apps] = [
    new MemoryLink(time),
    new MemoryLink(time, { lagMs: 40 }),
    new MemoryLink(time),
  ]
  const gateway = new YamuxSession(line.near, {
    role: 'server',
    clock: time,
    limits: { keepAliveIntervalMs: 5_000, keepAliveTimeoutMs: 10_000 },
    onStream: (stream) => join(visitors.far, stream),
    onClose: (error) => ends.push(error),
  })
  const client = new YamuxSession(line.far, {
    role: 'client',
    clock: time,
    limits: { keepAliveIntervalMs: 3_000, keepAliveTimeoutMs: 5_000 },
    onStream: () => undefined,
    onClose: (error) => ends.push(error),
  })
  sweeper.add(gateway)
  sweeper.add(client)
  join(client.open(), apps.near)
  const [visitor, app] = [new WireRecorder(), new WireRecorder()]
  visitors.near.setHandler(visitor)
  apps.far.setHandler(app)
  visitors.near.write('before')
  await time.until('the first message', () => app.bytes.toString() === 'before')

  await time.advance(3_600_000)

  expect(ends).toEqual([])
  visitors.near.write(', after')
  apps.far.write('and back')
  await time.until('both messages', () => visitor.bytes.length + app.bytes.length === 21)
  expect([app.bytes.toString(), visitor.bytes.toString()]).toEqual(['before, after', 'and back'])
  expect([gateway.streamCount, client.streamCount]).toEqual([1, 1])
  sweeper.stop()
})
