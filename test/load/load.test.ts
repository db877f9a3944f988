/**
 * Load and hostile crowds against the real gateway process. Nothing here is timed; what counts is that every
 * request is answered or refused as it should, that memory and tables stay bounded, and that afterwards
 * everything is as before. Figures are printed.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { expect, test } from 'vitest'
import {
  mebibyte,
  openSockets,
  residentBytes,
  responseOf,
  Stage,
  untilSockets,
} from '../integration/stage.ts'

const upgradeRequest = (path: string): string =>
  `GET ${path}/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** Runs `count` tasks with at most `width` at a time. */
async function crowd<T>(count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      results[index] = await task(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker))
  return results
}

async function metric(stage: Stage, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${stage.gateway.place.ports.admin}/metrics`)
  const text = await response.text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}

/** How many tunnels this machine's file limit allows: each takes two descriptors here and two in the gateway. */
function tunnelsWithinLimit(wanted: number): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1_024)
  return Math.min(wanted, Math.floor((descriptors - 250) / 2))
}

function report(text: string): void {
  console.log(text)
}

test(
  'ten thousand idle WebSockets (or what the file limit allows) all echo once and leave nothing behind',
  { timeout: 120_000 },
  async () => {
    const wanted = tunnelsWithinLimit(10_000)
    await using stage = await Stage.open({ HARP_MAX_CONNECTIONS: '20000' })
    const { path } = await stage.rawApp((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
        socket.on('data', (chunk: Buffer) => socket.write(chunk))
      })
      socket.once('end', () => socket.end())
    })
    await stage.send({ target: `${path}/warm` }).catch(() => undefined)
    await untilSockets(stage.pid, 8)
    const socketsBefore = await openSockets(stage.pid)
    const before = await residentBytes(stage.pid)

    const sockets = await crowd(wanted, 64, async () => {
      const socket = net.connect({ ...stage.endpoint, noDelay: true })
      await once(socket, 'connect')
      socket.write(upgradeRequest(path))
      const [head] = (await once(socket, 'data')) as [Buffer]
      expect(head.toString('latin1', 0, 12)).toBe('HTTP/1.1 101')
      return socket
    })
    const open = await residentBytes(stage.pid)
    report(
      `${wanted} idle WebSockets: ${((open - before) / wanted / 1024).toFixed(1)} KiB resident each, young heap included`,
    )
    expect((open - before) / wanted / 1024).toBeLessThan(64)

    const echoes = await crowd(wanted, 256, async (index) => {
      const socket = sockets[index]
      if (socket === undefined) return ''
      socket.write(`m${index}`)
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      return bytes.toString()
    })
    expect(echoes.every((echo, index) => echo === `m${index}`)).toBe(true)

    for (const socket of sockets) socket.destroy()
    await untilSockets(stage.pid, socketsBefore, 30_000)
  },
)

test(
  'a hundred thousand app ids and addresses leave tables at their limits',
  { timeout: 120_000 },
  async () => {
    await using stage = await Stage.open({ HP_BLACKLIST_COUNT: '3' })
    const { path } = await stage.exapp()
    const wanted = 100_000
    // One connection carries many requests, each for an app of its own from an address of its own.
    const perConnection = 1_000
    const answers = await crowd(wanted / perConnection, 8, async (connection) => {
      const socket = net.connect(stage.endpoint)
      let seen = 0
      let tail = ''
      const answered = new Promise<void>((resolve, reject) => {
        socket.on('data', (chunk: Buffer) => {
          const text = tail + chunk.toString('latin1')
          seen += text.split('HTTP/1.1 404 Not Found').length - 1
          tail = text.slice(-21)
          if (tail.includes('HTTP/1.1 404 Not Found')) tail = ''
          if (seen >= perConnection) resolve()
        })
        socket.once('close', () => reject(new Error(`closed after ${seen} answers`)))
      })
      let requests = ''
      for (let index = 0; index < perConnection; index++) {
        const number = connection * perConnection + index
        requests +=
          `GET /exapps/unknown${number}/x HTTP/1.1\r\nHost: x\r\n` +
          `X-Forwarded-For: 10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}\r\n\r\n`
      }
      socket.write(requests)
      await answered
      socket.destroy()
      return seen
    })

    expect(answers.reduce((sum, each) => sum + each, 0)).toBe(wanted)
    expect(await metric(stage, 'harp_gateway_apps_unknown')).toBeLessThanOrEqual(10_000)
    expect(await metric(stage, 'harp_gateway_failing_addresses')).toBeLessThanOrEqual(100_000)
    const memory = await residentBytes(stage.pid)
    report(
      `after ${wanted} unknown ids from as many addresses: ${(memory / mebibyte).toFixed(0)} MiB resident`,
    )
    expect(memory).toBeLessThan(512 * mebibyte)
    expect(responseOf(await stage.send({ target: `${path}/x` })).status).toBe(200)
  },
)

test(
  'floods of heads, bodies and silence do not keep others from being served',
  { timeout: 60_000 },
  async () => {
    await using stage = await Stage.open({ HP_TIMEOUT_CLIENT: '2s' })
    const { path } = await stage.exapp()
    expect(responseOf(await stage.send({ target: `${path}/x` })).status).toBe(200)
    await untilSockets(stage.pid, 12)
    const before = await openSockets(stage.pid)
    const outcomes = new Map<string, number>()
    const attackers: Promise<unknown>[] = []
    const attack = (kind: string, count: number, run: (socket: net.Socket) => void): void => {
      for (let index = 0; index < count; index++) {
        const socket = net.connect(stage.endpoint)
        let first = ''
        socket.on('data', (chunk: Buffer) => (first ||= chunk.toString('latin1', 9, 12)))
        socket.on('error', () => undefined)
        socket.once('connect', () => run(socket))
        attackers.push(
          once(socket, 'close').then(() => {
            const outcome = `${kind} ${first || 'closed'}`
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
          }),
        )
      }
    }
    const bigHead = `GET / HTTP/1.1\r\nHost: x\r\n${`X-Pad: ${'p'.repeat(1000)}\r\n`.repeat(64)}`
    attack('endless head', 200, (socket) => socket.write(bigHead))
    attack('endless chunk extension', 200, (socket) =>
      socket.write(
        `POST ${path}/sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;${'e'.repeat(60_000)}`,
      ),
    )
    attack('silence', 200, () => undefined)
    attack('slow head', 500, (socket) => {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nX: ')
      const drip = setInterval(() => socket.write('y'), 300)
      socket.once('close', () => clearInterval(drip))
    })

    const served = await crowd(
      300,
      8,
      async () => responseOf(await stage.send({ target: `${path}/x` }, 15_000)).status,
    )
    await Promise.all(attackers)

    expect(new Set(served)).toEqual(new Set([200]))
    report([...outcomes].map(([outcome, count]) => `${outcome}: ${count}`).join(', '))
    expect(outcomes.get('endless head 400')).toBe(200)
    expect(outcomes.get('endless chunk extension 400')).toBe(200)
    expect(outcomes.get('silence closed')).toBe(200)
    expect(outcomes.get('slow head 408')).toBe(500)
    await untilSockets(stage.pid, before)
    const memory = await stage.gateway.peakMemoryBytes()
    report(`peak memory under the floods: ${(memory / mebibyte).toFixed(0)} MiB`)
    expect(memory).toBeLessThan(512 * mebibyte)
  },
)
