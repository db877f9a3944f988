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
  const link = await Link.open({ address: '127.0.0.1', port: stage.place.ports.frp })
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

/** Running when this resolves, where one is wanted. */
async function downloadIf(
  isWanted: boolean,
  path: string,
  sizeBytes: number,
  bytesPerSecond: number,
): Promise<Download | null> {
  if (!isWanted) return null
  const download = startDownload(path, sizeBytes, bytesPerSecond)
  await eventually('a running download', () => (download.bytes > 1_000_000 ? true : undefined))
  return download
}

/** What became of a download after a fault: it ended, or more of it arrives. */
async function fateOf(download: Download | null): Promise<'none' | 'complete' | 'cut' | 'goes on'> {
  if (download === null) return 'none'
  const { bytes } = download
  return eventually(
    'the download to end or go on',
    () => download.end ?? (download.bytes > bytes + 8_000_000 ? 'goes on' : undefined),
  )
}

const modeOf = (isBusy: boolean): string => (isBusy ? 'a download running' : 'idle')

test.concurrent.each([false, true])(
  'a reset link heals, three times (download running: %s)',
  async (isBusy) => {
    const { link, path } = await connected()
    for (let round = 0; round < 3; round += 1) {
      const download = await downloadIf(isBusy, path, 1 << 30, 20e6)
      link.cut()
      const ms = await stage.untilServed(path)

      healed.add(`reset, ${modeOf(isBusy)}`, ms)
      expect(ms).toBeLessThan(recoverMs)
      expect(await fateOf(download)).toBe(isBusy ? 'cut' : 'none')
    }
  },
)

test.concurrent.each([false, true])(
  'a second of silence is no reason to lose anything (download running: %s)',
  async (isBusy) => {
    const { link, client, name, path } = await connected()
    const download = await downloadIf(isBusy, path, 60e6, 10e6)
    link.stall()
    await sleep(1_000)
    link.heal()
    const ms = await stage.untilServed(path)

    healed.add(`silent for 1 s, ${modeOf(isBusy)}`, ms)
    expect(ms).toBeLessThan(recoverMs)
    const end = download && (await eventually('the download', () => download.end, { timeoutMs: 30_000 }))
    expect([end, download?.bytes]).toEqual(isBusy ? ['complete', 60e6] : [null, undefined])
    expect([endsAtGateway(name), endsAtClient(client)]).toEqual([0, 0])
  },
)

test.concurrent.each([
  [8, false],
  [8, true],
  [20, false],
  [20, true],
])('a link that is silent for %i s heals (download running: %s)', async (seconds, isBusy) => {
  const { link, client, name, path } = await connected()
  const download = await downloadIf(isBusy, path, 1 << 30, 10e6)
  const stalledAt = performance.now()
  link.stall()
  const notice = async (who: string, ends: () => number): Promise<void> => {
    const what = `${who} to notice`
    await eventually(what, () => (ends() > 0 ? true : undefined), { timeoutMs: noticedMs })
    noticed.add(`${who}, ${modeOf(isBusy)}`, performance.now() - stalledAt)
  }
  const notices =
    seconds < 20
      ? []
      : [notice('gateway', () => endsAtGateway(name)), notice('client', () => endsAtClient(client))]
  await Promise.all([sleep(seconds * 1_000), ...notices])
  link.heal()
  const ms = await stage.untilServed(path)

  healed.add(`silent for ${seconds} s, ${modeOf(isBusy)}`, ms)
  expect(ms).toBeLessThan(recoverMs)
  // Eight seconds are just about where the client gives up: the download may have survived, or ends.
  const fates = isBusy ? (seconds < 20 ? ['cut', 'goes on'] : ['cut']) : ['none']
  expect(fates).toContain(await fateOf(download))
})

test.concurrent('a request during a silence is answered with an error in its time', async () => {
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
      const again = await Link.open(
        { address: '127.0.0.1', port: stage.place.ports.frp },
        { port: link.port },
      )
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
