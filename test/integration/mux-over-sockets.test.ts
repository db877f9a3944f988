/** The yamux suite over real TCP and TLS connections, and streams of a real session as wires. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import {
  connect as connectTls,
  createServer as createTlsServer,
  type ConnectionOptions,
  type TLSSocket,
} from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { DeadlineSweeper } from '../../src/base/deadlines.ts'
import { YamuxSession } from '../../src/mux/yamux/session.ts'
import type { YamuxStream } from '../../src/mux/yamux/stream.ts'
import { SocketWire } from '../../src/net/socket-wire.ts'
import { StreamWire } from '../../src/net/stream-wire.ts'
import type { Wire } from '../../src/net/wire.ts'
import { eventually } from '../support/deadline.ts'
import { Link } from '../support/link.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { describeWires, inRealTime, pattern } from '../support/wire-compliance.ts'
import { digestOf } from '../support/wire-recorder.ts'
import { describeYamux } from '../support/yamux-compliance.ts'
import { describeYamuxFlow } from '../support/yamux-flow.ts'
import { RecordedSession, type MuxStage } from '../support/yamux-stage.ts'

const certificate = makeSelfSigned()

interface Wires {
  readonly near: Wire
  readonly far: Wire
  readonly server: Server
}

async function tcp(port?: number, server = createServer({ allowHalfOpen: true })): Promise<Wires> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const near = new SocketWire({ address: '127.0.0.1', port: port ?? (server.address() as AddressInfo).port })
  await near.connected(5_000)
  return { near, far: new StreamWire((await accepted)[0]), server }
}

async function tls(): Promise<Wires> {
  const { cert, key } = certificate
  const server = createTlsServer({ cert, key, allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const { port } = server.address() as AddressInfo
  const options = { port, host: '127.0.0.1', ca: cert, allowHalfOpen: true } as ConnectionOptions
  const socket = connectTls(options)
  await once(socket, 'secureConnect')
  return { near: new StreamWire(socket), far: new StreamWire((await accepted)[0]), server }
}

async function closeAll({ near, far, server }: Wires): Promise<void> {
  near.destroy()
  far.destroy()
  const closed = once(server, 'close')
  server.close()
  await closed
}

function stageOn(wires: Wires, swap: boolean): MuxStage {
  const sweeper = new DeadlineSweeper(10, () => systemClock.monotonic())
  return {
    clock: systemClock,
    near: swap ? wires.far : wires.near,
    far: swap ? wires.near : wires.far,
    watch: (deadline) => sweeper.add(deadline),
    unwatch: (deadline) => sweeper.delete(deadline),
    ...inRealTime,
    close: async () => {
      sweeper.stop()
      await closeAll(wires)
    },
  }
}

const stages = {
  'yamux over TCP, dialled': async () => stageOn(await tcp(), false),
  'yamux over TCP, accepted': async () => stageOn(await tcp(), true),
  'yamux over TLS': async () => stageOn(await tls(), false),
}

for (const [name, makeStage] of Object.entries(stages)) {
  describeYamux(name, makeStage)
  describeYamuxFlow(name, makeStage)
}

for (const [name, connect, chunksAreStable] of [
  ['TCP', tcp, false],
  ['TLS', tls, true],
] as const) {
  describeWires(`a pair of YamuxStreams over ${name}`, {
    maxUnreadBytes: 12_582_912,
    makePair: async () => {
      const wires = await connect()
      const accepted: YamuxStream[] = []
      let closed = 0
      const start = (wire: Wire, role: 'client' | 'server'): YamuxSession =>
        new YamuxSession(wire, {
          role,
          chunksAreStable,
          clock: systemClock,
          onStream: (stream) => accepted.push(stream),
          onClose: () => {
            closed += 1
          },
        })
      const client = start(wires.near, 'client')
      start(wires.far, 'server')
      const near = client.open()
      const far = await eventually('the stream', () => accepted[0])
      return {
        near,
        far,
        ...inRealTime,
        close: async () => {
          client.destroy()
          await eventually('both sessions closed', () => (closed === 2 ? true : undefined))
          await closeAll(wires)
        },
      }
    },
  })
}

describe('a link between two sessions', () => {
  const closers: (() => unknown)[] = []

  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  async function throughLink(): Promise<{ link: Link; client: RecordedSession; server: RecordedSession }> {
    const listener = createServer({ allowHalfOpen: true })
    await once(listener.listen(0, '127.0.0.1'), 'listening')
    const link = await Link.open({ address: '127.0.0.1', port: (listener.address() as AddressInfo).port })
    closers.push(() => link.close())
    const wires = await tcp(link.port, listener)
    const stage = stageOn(wires, false)
    const limits = { keepAliveIntervalMs: 150, keepAliveTimeoutMs: 150, writeTimeoutMs: 300 }
    const client = new RecordedSession(stage, stage.near, { role: 'client', limits })
    const server = new RecordedSession(stage, stage.far, {
      limits,
      onStream: (stream, recorder) => {
        recorder.react = (chunk) => stream.write(Buffer.from(chunk))
      },
    })
    closers.push(() => stage.close())
    return { link, client, server }
  }

  test('a short silence loses nothing', async () => {
    const { link, client, server } = await throughLink()
    const { stream, recorder } = client.open()
    const bytes = pattern(200_000, 1)
    stream.write(bytes.subarray(0, 1_000))
    await eventually('the echo', () => (recorder.byteCount === 1_000 ? true : undefined))
    link.stall()
    stream.write(bytes.subarray(1_000))
    await inRealTime.settle()
    expect(recorder.byteCount).toBe(1_000)
    link.heal()
    await eventually('the whole echo', () => (recorder.byteCount === bytes.length ? true : undefined))
    expect(recorder.digest).toBe(digestOf(bytes))
    expect([client.isClosed, server.isClosed]).toEqual([false, false])
  })

  test('a pulled cable is noticed by both ends, idle or busy', async () => {
    const { link, client, server } = await throughLink()
    const { recorder } = client.open()
    await eventually('the stream', () => server.accepted[0])
    link.stall()
    await eventually('both ends', () => (client.isClosed && server.isClosed ? true : undefined))
    expect(client.closes).toEqual([expect.objectContaining({ code: 'YAMUX_KEEP_ALIVE_TIMEOUT' })])
    expect([recorder.closes.length, server.recorder(1).closes.length]).toEqual([1, 1])
    expect(client.faults.concat(server.faults)).toEqual([])
  })

  test('a reset is noticed at once', async () => {
    const { link, client, server } = await throughLink()
    const { recorder } = client.open()
    await eventually('the stream', () => server.accepted[0])
    link.cut()
    await eventually('both ends', () => (client.isClosed && server.isClosed ? true : undefined))
    expect(client.closes).toEqual([expect.objectContaining({ code: 'YAMUX_CONNECTION_LOST' })])
    expect([recorder.closes.length, server.recorder(1).closes.length]).toEqual([1, 1])
    expect(client.faults.concat(server.faults)).toEqual([])
  })

  test('over 40 ms of latency the window grows', async () => {
    const { link, client, server } = await throughLink()
    link.setLatency(20)
    const { stream, recorder } = client.open()
    recorder.keepsBytes = false
    await eventually('the stream', () => server.accepted[0])
    const sink = server.recorder(1)
    sink.keepsBytes = false
    sink.react = () => undefined
    let left = 12_000_000
    recorder.whenDrained = () => {
      for (let mayGoOn = true; mayGoOn && left > 0; left -= 60_000) mayGoOn = stream.write(pattern(60_000, 1))
    }
    recorder.whenDrained()
    await eventually('all bytes', () => (sink.byteCount === 12_000_000 ? true : undefined), {
      timeoutMs: 15_000,
    })
    expect(server.accepted[0]?.windowBytes).toBeGreaterThan(262_144)
  })
})
