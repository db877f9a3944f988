/**
 * Each side is killed at every step of a session, with both real programs: before TLS, inside the handshake, at
 * seeded bytes of login and registration, idle, and under a request, a download and a WebSocket. The other side
 * lets go of everything, whoever waits hears of it, and the app is served again in seconds.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openSockets, untilSockets } from '../integration/stage.ts'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import type { HarpProcess } from '../support/gateway-process.ts'
import type { RawOutcome } from '../support/raw-http.ts'
import { RecoveryTable } from './recovery-table.ts'
import { seeded } from './seeded.ts'
import { Tap, type TapDirection, type TapLimit } from './tap.ts'
import { TunnelStage } from './tunnel-stage.ts'

/** The promise is 3 s; the machine may be busy. */
const recoverMs = 6_000
const seed = 20_261
const table = new RecoveryTable('killed, with our client')
const random = seeded(seed)

let stage: TunnelStage
let tap: Tap
let client: HarpProcess
let path: string
/** What a whole login and registration carries, as measured: cuts fall everywhere in it. */
const opening: Record<TapDirection, number> = { 'to-server': 0, 'to-client': 0 }
let gatewaySockets: number
let clientSockets: number

beforeAll(async () => {
  stage = await TunnelStage.open({ tls: true })
  tap = await Tap.open(stage.place.ports.frp)
  path = stage.addApp('app', 23_001)
  void tap.holdAt({ direction: 'to-server', bytes: Infinity })
  client = await stage.startClient({ serverPort: tap.port })
  await eventually('the proxy', () => (client.stdout.includes('proxy ready') ? true : undefined), {
    timeoutMs: 20_000,
  })
  for (const direction of ['to-server', 'to-client'] as const) opening[direction] = tap.passed(direction)
  tap.release()
  await stage.untilServed(path)
  gatewaySockets = await openSockets(stage.pid)
  clientSockets = await openSockets(client.pid)
}, 60_000)

afterAll(async () => {
  table.print()
  await tap.close()
  await stage[Symbol.asyncDispose]()
})

const victims = ['gateway', 'client'] as const
type Victim = (typeof victims)[number]

async function kill(victim: Victim): Promise<void> {
  if (victim === 'gateway') {
    await stage.killGateway()
    return
  }
  client.signal('SIGKILL')
  await client.waitForExit()
}

/** Brings the victim back and tells how long the app was away after that; nothing of before may be left. */
async function recover(victim: Victim): Promise<number> {
  let startedAt = performance.now()
  if (victim === 'gateway') {
    await stage.restartGateway()
    startedAt = performance.now()
  } else client = await stage.startClient({ serverPort: tap.port })
  const ms = await stage.untilServed(path, startedAt)
  // One more each: a connection to Nextcloud, a name being looked up.
  await untilSockets(stage.pid, gatewaySockets + 2)
  await untilSockets(client.pid, clientSockets + 1)
  await eventually('the app to be left', () => (stage.app.openConnections <= 1 ? true : undefined))
  return ms
}

const inTheHandshake: [string, () => TapLimit][] = [
  ['before the first byte of TLS', () => ({ direction: 'to-server', bytes: 0 })],
  ['in the TLS handshake', () => ({ direction: 'to-client', bytes: 0 })],
  ...Array.from({ length: 2 }, (): [string, () => TapLimit] => {
    const at = random()
    return ['at a byte of login and registration', () => limitAt('to-server', at)]
  }),
  ...Array.from({ length: 2 }, (): [string, () => TapLimit] => {
    const at = random()
    return ['at a byte of the answers to them', () => limitAt('to-client', at)]
  }),
]

function limitAt(direction: TapDirection, part: number): TapLimit {
  return { direction, bytes: Math.floor(opening[direction] * part) }
}

for (const victim of victims) {
  test.each(inTheHandshake)(`the ${victim} is killed %s`, async (step, limit) => {
    await kill('client')
    const reached = tap.holdAt(limit())
    client = await stage.startClient({ serverPort: tap.port })
    await within(reached, deadlineIn(15_000, 'that point of the session'))
    await kill(victim)
    tap.release()

    const ms = await recover(victim)
    table.add(`${victim} ${step}`, ms)
    expect(ms).toBeLessThan(recoverMs)
  })
}

/** Each starts something and gives what it ends with. */
const underWay: [string, () => Promise<{ end: Promise<string> }>][] = [
  ['with an idle pool', async () => ({ end: Promise.resolve('cut') })],
  [
    'under a request',
    async () => {
      const end = stage.send(`${path}/held?do=silent`).then(outcomeOf, () => 'cut')
      await stage.app.waitForRequest(({ target, bodyDone }) => target.includes('do=silent') && bodyDone)
      return { end }
    },
  ],
  [
    'under a download',
    async () => {
      const connection = await stage.connect()
      await connection.sendRequest({ target: `${path}/x?do=bytes&size=${1 << 30}` })
      const head = await connection.readHead()
      if (head === undefined) throw new Error('no download')
      const end = (async () => {
        try {
          for await (const _ of connection.body(head, 10_000));
          return 'complete'
        } catch {
          return 'cut'
        } finally {
          connection.destroy()
        }
      })()
      await eventually('a running download', () =>
        connection.reader.bytesRead > 1_000_000 ? true : undefined,
      )
      return { end }
    },
  ],
  [
    'under a WebSocket',
    async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${stage.place.ports.http}${path}/ws`)
      const end = new Promise<string>((resolve) => {
        socket.on('error', () => undefined)
        socket.once('close', (code) => resolve(code === 1006 ? 'cut' : `closed ${code}`))
      })
      await new Promise<void>((resolve) => socket.once('open', () => resolve()))
      socket.send('hello')
      await new Promise<void>((resolve) => socket.once('message', () => resolve()))
      return { end }
    },
  ],
]

function outcomeOf(outcome: RawOutcome): string {
  return outcome.kind === 'response' ? String(outcome.response.status) : 'cut'
}

for (const victim of victims) {
  for (let round = 0; round < 2; round += 1) {
    test.each(underWay)(`the ${victim} is killed %s, round ${round}`, async (step, start) => {
      const { end } = await start()
      await kill(victim)
      const how = await within(end, deadlineIn(8_000, 'what was under way to end'))

      expect(how).toMatch(victim === 'client' && step === 'under a request' ? /^50[234]$/ : /^cut$/)
      const ms = await recover(victim)
      table.add(`${victim} ${step}`, ms)
      expect(ms).toBeLessThan(recoverMs)
    })
  }
}

/** A tenth of frpc's waits: its longest pause is 20 s and a tenth more. */
const frpcScale = 0.1

test('the gateway is killed three times under frpc’s own schedule: served after one retry period', async () => {
  const name = 'standin'
  const standInPath = stage.addApp(name, 23_002)
  const frpc = await stage.standIn({ name, remotePort: 23_002, retry: 'frpc', timeScale: frpcScale })
  await stage.untilServed(standInPath)
  const times: number[] = []
  for (let round = 0; round < 3; round += 1) {
    await stage.killGateway()
    await stage.restartGateway()
    times.push(await stage.untilServed(standInPath))
  }

  for (const ms of times) table.add(`gateway, frpc’s waits times ${frpcScale}`, ms)
  expect(Math.max(...times)).toBeLessThan(22_000 * frpcScale + recoverMs / 2)
  expect(frpc.sessions).toBeGreaterThan(3)
})
