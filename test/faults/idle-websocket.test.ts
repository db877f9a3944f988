/** A WebSocket that says nothing: for an hour of simulated time through both ends of a tunnel, and for real. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { DeadlineSweeper } from '../../src/base/deadlines.ts'
import { relay, type RelaySummary } from '../../src/gateway/proxy/relay.ts'
import { YamuxSession } from '../../src/mux/yamux/session.ts'
import { MemoryLink } from '../support/memory-link.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { WireRecorder } from '../support/wire-recorder.ts'
import { TunnelStage } from './tunnel-stage.ts'

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

test('idle for 20 s, ten times HP_TIMEOUT_CLIENT, stays open through gateway and client', async () => {
  await using stage = await TunnelStage.open({ tls: true, environment: { HP_TIMEOUT_CLIENT: '2s' } })
  const path = stage.addApp('app', 23_001)
  await stage.startClient()
  await stage.untilServed(path)
  const socket = new WebSocket(`ws://127.0.0.1:${stage.place.ports.http}${path}/ws`)
  const closed: number[] = []
  socket.on('error', () => undefined).on('close', (code) => closed.push(code))
  await new Promise<void>((resolve) => socket.once('open', () => resolve()))

  await sleep(20_000)

  expect(closed).toEqual([])
  const answer = new Promise<string>((resolve) =>
    socket.once('message', (data: Buffer) => resolve(data.toString())),
  )
  socket.send('still there')
  expect(await answer).toBe('still there')
  socket.terminate()
})
