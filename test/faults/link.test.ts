/**
 * The link between client and gateway is reset, or falls silent for 1, 8 and 20 s and comes back, while the tunnel is
 * idle and while a download runs: both sides notice, whoever waits hears of it, and the app is served again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openSockets, untilSockets } from '../integration/stage.ts'
import { eventually } from '../support/deadline.ts'
import type { HarpProcess } from '../support/gateway-process.ts'
import { Link } from '../support/link.ts'
import { RecoveryTable } from './recovery-table.ts'
import { TunnelStage } from './tunnel-stage.ts'

/** The promise is 3 s; the machine may be busy. */
const recoverMs = 6_000
/** After 5 s of silence the gateway asks, and waits 10 s; the client asks no later and waits 5 s. */
const noticedMs = 20_000
/** A tenth of frpc's waits: its longest pause is 20 s, and a tenth more. */
const frpcScale = 0.1
const frpcPeriodMs = 22_000 * frpcScale

const noticed = new RecoveryTable('silence until noticed')
const healed = new RecoveryTable('link back until served')
let stage: TunnelStage
let lastPort = 23_100

beforeAll(async () => {
  stage = await TunnelStage.open({ tls: true })
}, 60_000)

afterAll(async () => {
  noticed.print()
  healed.print()
  await stage[Symbol.asyncDispose]()
})

interface Path {
  readonly link: Link
  readonly client: HarpProcess
  readonly name: string
  readonly path: string
}

/** A client of its own on a link of its own, served already. */
async function connected(): Promise<Path> {
  const { link, name, path, port } = await newLink()
  const client = await stage.startClient({ serverPort: link.port, name, remotePort: port })
  await stage.untilServed(path)
  return { link, client, name, path }
}

async function newLink(): Promise<{ link: Link; name: string; path: string; port: number }> {
  const link = await Link.open({ host: '127.0.0.1', port: stage.place.ports.frp })
  stage.own(() => link.close())
  const port = (lastPort += 1)
  const name = `app${port}`
  return { link, name, port, path: stage.addApp(name, port) }
}

/** How many sessions of an app each side has seen end. */
const endsAtGateway = (name: string): number =>
  stage.gateway.program.stdout
    .split('\n')
    .filter((line) => line.includes('tunnel closed') && line.includes(`"${name}"`)).length
const endsAtClient = (client: HarpProcess): number => client.stdout.split('"tunnel lost"').length - 1

interface Download {
  /** Bytes so far. */
  bytes: number
  /** Why it is over; undefined while it runs. */
  end: 'complete' | 'cut' | undefined
  endedAt: number
}

/** Slow enough to be under way for as long as the test lasts. */
function startDownload(path: string, sizeBytes: number, bytesPerSecond: number): Download {
  const download: Download = { bytes: 0, end: undefined, endedAt: 0 }
  void (async () => {
    const connection = await stage.connect()
    try {
      await connection.sendRequest({ target: `${path}/x?do=bytes&size=${sizeBytes}` })
      const head = await connection.readHead()
      if (head === undefined) throw new Error('no answer')
      for await (const chunk of connection.body(head, 60_000)) {
        download.bytes += chunk.length
        await sleep((chunk.length / bytesPerSecond) * 1_000)
      }
      download.end = 'complete'
    } catch {
      download.end = 'cut'
    } finally {
      download.endedAt = performance.now()
      connection.destroy()
    }
  })()
  return download
}

test.concurrent.each([false, true])(
  'a reset link heals, three times (download running: %s)',
  async (isBusy) => {
    const { link, path } = await connected()
    for (let round = 0; round < 3; round += 1) {
      const download = isBusy ? startDownload(path, 1 << 30, 20e6) : null
      if (download !== null) {
        await eventually('a running download', () => (download.bytes > 1_000_000 ? true : undefined))
      }
      link.cut()
      const ms = await stage.untilServed(path)
      healed.add(`reset, ${isBusy ? 'a download running' : 'idle'}`, ms)
      expect(ms).toBeLessThan(recoverMs)
      if (download !== null) {
        await eventually('the download to end', () => download.end)
        expect(download.end).toBe('cut')
      }
    }
  },
)

const silences: [seconds: number, isBusy: boolean][] = [1, 8, 20].flatMap((seconds) => [
  [seconds, false],
  [seconds, true],
])

test.concurrent.each(silences)(
  'a link that is silent for %i s heals (download running: %s)',
  async (seconds, isBusy) => {
    const { link, client, name, path } = await connected()
    const download = isBusy ? startDownload(path, seconds === 1 ? 60e6 : 1 << 30, 10e6) : null
    if (download !== null) {
      await eventually('a running download', () => (download.bytes > 1_000_000 ? true : undefined))
    }
    const [gatewayEnds, clientEnds] = [endsAtGateway(name), endsAtClient(client)]
    const stalledAt = performance.now()
    link.stall()
    const row = `${seconds} s, ${isBusy ? 'a download running' : 'idle'}`
    const notice = (who: string, probe: () => boolean): Promise<number | undefined> =>
      eventually(`${who} to notice`, () => (probe() ? performance.now() - stalledAt : undefined), {
        timeoutMs: noticedMs,
      }).then(
        (ms) => {
          noticed.add(`${who}, ${isBusy ? 'a download running' : 'idle'}`, ms)
          return ms
        },
        () => undefined,
      )
    const notices =
      seconds === 20
        ? Promise.all([
            notice('gateway', () => endsAtGateway(name) > gatewayEnds),
            notice('client', () => endsAtClient(client) > clientEnds),
          ])
        : Promise.resolve([])
    await sleep(seconds * 1_000)
    expect(await notices).not.toContain(undefined)
    link.heal()
    const ms = await stage.untilServed(path)

    healed.add(`silent for ${row}`, ms)
    expect(ms).toBeLessThan(recoverMs)
    if (seconds === 1) {
      // Too short to be noticed: nobody loses anything.
      expect([endsAtGateway(name) - gatewayEnds, endsAtClient(client) - clientEnds]).toEqual([0, 0])
      if (download !== null) {
        await eventually('the download', () => download.end, { timeoutMs: 30_000 })
        expect([download.end, download.bytes]).toEqual(['complete', 60e6])
      }
    } else if (download !== null && endsAtGateway(name) > gatewayEnds) {
      await eventually('the download to end', () => download.end)
      expect(download.end).toBe('cut')
    } else if (download !== null) {
      const before = download.bytes
      await eventually('the download to go on', () => (download.bytes > before + 1e6 ? true : undefined))
    }
  },
)

test.concurrent('a request during a silence is answered with an error in its time, or served', async () => {
  const { link, path } = await connected()
  link.stall()
  const startedAt = performance.now()
  const outcome = await stage.send(`${path}/x`, 40_000)
  const ms = performance.now() - startedAt
  link.heal()

  expect(outcome).toMatchObject({
    kind: 'response',
    response: { status: expect.toSatisfy((code: number) => code >= 502 && code <= 504) as number },
  })
  expect(ms).toBeLessThan(noticedMs + 3_000)
  healed.add('a request during a silence got its 5xx after', ms)
})

test.concurrent('a link that is silent while the client connects is found again', async () => {
  const { link, name, path, port } = await newLink()
  link.stall()
  await stage.startClient({ serverPort: link.port, name, remotePort: port })
  await eventually('the client to try', () => (link.acceptedCount > 0 ? true : undefined), {
    timeoutMs: 20_000,
  })
  await sleep(8_000)
  link.heal()

  const ms = await stage.untilServed(path)
  healed.add('silent for 8 s, while the client connects', ms)
  expect(ms).toBeLessThan(recoverMs)
})

test.concurrent.each(['reset', 'silent for 8 s', 'closed for 4 s'] as const)(
  'frpc’s own schedule: %s',
  async (fault) => {
    const { link, name, path, port } = await newLink()
    const frpc = await stage.standIn({
      serverPort: link.port,
      name,
      remotePort: port,
      retry: 'frpc',
      timeScale: frpcScale,
    })
    await stage.untilServed(path)
    if (fault === 'reset') link.cut()
    else if (fault === 'silent for 8 s') {
      link.stall()
      await sleep(8_000)
      link.heal()
    } else {
      await link.close()
      await sleep(4_000)
      const again = await Link.open({ host: '127.0.0.1', port: stage.place.ports.frp }, { port: link.port })
      stage.own(() => again.close())
    }
    const ms = await stage.untilServed(path)
    healed.add(`${fault}, frpc’s waits times ${frpcScale}`, ms)
    expect(ms).toBeLessThan(frpcPeriodMs + recoverMs / 2)
    expect(frpc.sessions).toBeGreaterThan(1)
  },
)

test.concurrent('a WebSocket idle for 20 s, ten times HP_TIMEOUT_CLIENT, stays open', async () => {
  await using patient = await TunnelStage.open({ tls: true, environment: { HP_TIMEOUT_CLIENT: '2s' } })
  const path = patient.addApp('app', 23_001)
  await patient.startClient()
  await patient.untilServed(path)
  const socket = new WebSocket(`ws://127.0.0.1:${patient.place.ports.http}${path}/ws`)
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

test('after all that nothing is left but the tunnels', async () => {
  const open = await stage.metric('harp_tunnels')
  await untilSockets(stage.pid, open + 12, 30_000)
  expect(await openSockets(stage.pid)).toBeGreaterThan(open)
  await eventually('the app to be left', () => (stage.app.openConnections <= open ? true : undefined))
})
