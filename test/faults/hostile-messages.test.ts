/** Messages that lie about their size, garbage, and conversations that were recorded and are played again. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mebibyte, openSockets, residentBytes, untilSockets } from '../integration/stage.ts'
import { eventually } from '../support/deadline.ts'
import { frameHeaderV1 } from '../support/frpc-messages.ts'
import type { FrpcStandIn } from '../support/frpc-stand-in.ts'
import { HarpProcess } from '../support/gateway-process.ts'
import { callFrp, loginError, loginMessage, saidUntilClose } from './raw-frp.ts'
import { Recorder } from './recorder.ts'
import { TunnelStage } from './tunnel-stage.ts'

let stage: TunnelStage
let path: string
let before: { readonly sockets: number; readonly memory: number }

beforeAll(async () => {
  stage = await TunnelStage.open()
  path = stage.addApp('app', 23_001)
  await stage.standIn()
  await stage.untilServed(path)
  before = { sockets: await openSockets(stage.pid), memory: await residentBytes(stage.pid) }
}, 60_000)

afterAll(async () => {
  // Whoever was served in the beginning was never disturbed.
  expect(await stage.isServed(path)).toBe(true)
  await untilSockets(stage.pid, before.sockets + 3)
  const memory = await residentBytes(stage.pid)
  console.log(`hostile messages: gateway ${mib(before.memory)} → ${mib(memory)} MiB`)
  expect(memory - before.memory).toBeLessThan(128 * mebibyte)
  await stage[Symbol.asyncDispose]()
})

const mib = (bytes: number): string => (bytes / mebibyte).toFixed(0)
const sizes: [string, number | bigint][] = [
  ['10,241 bytes', 10_241],
  ['-1 byte', -1],
  ['4 GiB', 4_294_967_296n],
  ['the most a header can say', 9_223_372_036_854_775_807n],
  ['the least', -9_223_372_036_854_775_808n],
]
const filler = Buffer.alloc(20_000, '{')

test.each(sizes)('a first message of %s is refused at its header', async (_what, size) => {
  const socket = await callFrp(stage.place.ports.frp)

  const said = await saidUntilClose(socket, Buffer.concat([frameHeaderV1('o', size), filler]), 3_000)
  expect(said.length).toBe(0)
})

test.each(sizes)('a message of %s after the login ends the session, alone', async (_what, size) => {
  const client = await stage.standIn({ name: 'hostile', remotePort: 23_666 })
  await client.proxyResponse('hostile')
  client.sendOnControl(Buffer.concat([frameHeaderV1('p', size), filler]))

  await client.ended(1, 3_000)
  expect(await stage.isServed(path)).toBe(true)
})

test('10,240 bytes are allowed', async () => {
  const client = await stage.standIn({ name: 'large', remotePort: 23_667 })
  await client.proxyResponse('large')
  const body = { padding: 'x'.repeat(10_240 - '{"padding":""}'.length) }
  client.send('Ping', body)

  const pong = await eventually('a Pong', () => client.received('Pong')[0])
  expect(pong.body['error']).toBeUndefined()
  await client.stop()
})

test('garbage after the login, enciphered or not, ends the session', async () => {
  for (const write of [
    (client: FrpcStandIn) => client.sendOnControl(randomBytes(4_096)),
    (client: FrpcStandIn) => client.sendRaw(Buffer.from('ff'.repeat(64), 'hex')),
    // A data frame of 4 GiB, and one far beyond the window.
    (client: FrpcStandIn) => client.sendRaw(Buffer.from('0000000000000001ffffffff', 'hex')),
    (client: FrpcStandIn) => client.sendRaw(Buffer.from('000000000000000101000000', 'hex')),
    // The same stream opened again.
    (client: FrpcStandIn) => client.sendRaw(Buffer.from('000100010000000100000000', 'hex')),
  ]) {
    const client = await stage.standIn({ name: 'garbage', remotePort: 23_668 })
    await client.proxyResponse('garbage')
    write(client)
    await client.ended(1, 3_000)
  }
  expect(await stage.isServed(path)).toBe(true)
})

test('random bytes of every length up to 64 as the first thing said leave nothing behind', async () => {
  const said = await Promise.all(
    Array.from({ length: 64 }, async (_, length) => {
      const socket = await callFrp(stage.place.ports.frp)
      socket.end(randomBytes(length + 1))
      return (await saidUntilClose(socket, Buffer.alloc(0))).length
    }),
  )
  expect(new Set(said)).toEqual(new Set([0]))
  await untilSockets(stage.pid, before.sockets + 3)
})

/** An engine that counts its requests, behind a tunnel whose bytes are recorded. */
async function recordedEngine(
  port: number,
  runId: string,
): Promise<{ recorder: Recorder; ping: () => Promise<number>; live: FrpcStandIn }> {
  const engine = createServer((_request, response) => response.end('OK'))
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve))
  stage.own(() => engine.close())
  const recorder = await Recorder.open(stage.place.ports.frp)
  stage.own(() => recorder.close())
  const live = await stage.standIn({
    serverPort: recorder.port,
    name: `engine${port}`,
    remotePort: port,
    localPort: (engine.address() as AddressInfo).port,
    runId,
  })
  await live.proxyResponse(`engine${port}`)
  const ping = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${stage.place.ports.http}/exapps/app_api/v1.41/_ping`, {
      headers: { 'harp-shared-key': 'sekret', 'docker-engine-port': String(port) },
    })
    return response.status
  }
  expect(await ping()).toBe(200)
  return { recorder, ping, live }
}

test('a recorded conversation, played again byte for byte, does not displace the live engine', async () => {
  const { recorder, ping, live } = await recordedEngine(24_010, '')
  const conversation = recorder.bytes()

  for (let times = 0; times < 3; times += 1) {
    const replay = await callFrp(stage.place.ports.frp)
    replay.write(conversation)
    const answered = new Promise<void>((resolve) => replay.once('data', () => resolve()))
    await answered
    expect(await ping()).toBe(200)
    replay.destroy()
  }
  expect(live.isLoggedIn).toBe(true)
  expect(live.ends).toEqual([])
})

test('the run id of another identity gives nothing', async () => {
  const program = new HarpProcess(['token', 'add', '--engine', 'gpu', '--json'], stage.place.environment)
  const { stdout, stderr, code } = await program.waitForExit()
  expect([code, stderr]).toEqual([0, expect.any(String)])
  const { token } = JSON.parse(stdout) as { token: string }
  const { ping, live } = await recordedEngine(24_011, 'shared-key-run')

  const thief = await callFrp(stage.place.ports.frp)
  thief.write(loginMessage({ token, runId: live.runId }))
  const [answer] = await new Promise<[Buffer]>((resolve) =>
    thief.once('data', (chunk: Buffer) => resolve([chunk])),
  )
  thief.destroy()

  expect(loginError(answer)).toBe('')
  expect(answer.toString('latin1')).not.toContain(live.runId)
  expect(await ping()).toBe(200)
  expect(live.ends).toEqual([])
})
