/** Floods on the tunnel port, while a tunnel is served: silence, drops of a byte a second, and wrong keys. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mebibyte, openSockets, residentBytes, untilSockets } from '../integration/stage.ts'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import { crowd } from './crowd.ts'
import { callFrp, loginError, loginMessage, saidUntilClose } from './raw-frp.ts'
import { TunnelStage } from './tunnel-stage.ts'

const attacker = '127.0.0.66'

/** Asks for the app all the time; gives how many answers were not 200, and the slowest. */
function keepAsking(
  stage: TunnelStage,
  path: string,
): { stop: () => Promise<{ asked: number; bad: number; slowestMs: number }> } {
  let isStopped = false
  const asking = (async () => {
    const result = { asked: 0, bad: 0, slowestMs: 0 }
    while (!isStopped) {
      const startedAt = performance.now()
      result.asked += 1
      if (!(await stage.isServed(path))) result.bad += 1
      result.slowestMs = Math.max(result.slowestMs, performance.now() - startedAt)
      await sleep(20)
    }
    return result
  })()
  return {
    stop: () => {
      isStopped = true
      return asking
    },
  }
}

function report(what: string, asked: { asked: number; slowestMs: number }, from: number, to: number): void {
  console.log(
    `${what}: gateway ${(from / mebibyte).toFixed(0)} → ${(to / mebibyte).toFixed(0)} MiB at its most; ` +
      `${asked.asked} requests served meanwhile, the slowest in ${asked.slowestMs.toFixed(0)} ms`,
  )
}

function send(socket: Socket, bytes: Buffer): void {
  if (socket.writable) socket.write(bytes)
}

async function closedWithin(sockets: readonly Socket[], ms: number, what: string): Promise<void> {
  const closed = sockets.map((socket) =>
    socket.closed ? Promise.resolve() : new Promise<void>((resolve) => socket.once('close', () => resolve())),
  )
  await within(
    Promise.all(closed).then(() => undefined),
    deadlineIn(ms, what),
  )
}

test.concurrent.each([false, true])(
  '2,000 silent connections and 220 that send a byte a second are cut in their time (TLS: %s)',
  async (tls) => {
    await using stage = await TunnelStage.open({ tls })
    const path = stage.addApp('app', 23_001)
    await stage.standIn()
    await stage.untilServed(path)
    const [before, memory] = [await openSockets(stage.pid), await residentBytes(stage.pid)]
    const asking = keepAsking(stage, path)
    const { frp } = stage.place.ports
    const open = (): Promise<Socket> => callFrp(frp, attacker)
    const silent = await crowd(2_000, 64, open)
    const drips = await crowd(200, 64, open)
    const pinging = await crowd(20, 20, open)
    // The beginning of a session: of TLS where that is asked for, of a login elsewhere.
    const hello = tls
      ? Buffer.concat([Buffer.from('16030102000100', 'hex'), randomBytes(505)])
      : loginMessage({ token: 'sekret' })
    const pings = Buffer.from('000200010000000000000000'.repeat(10), 'hex')
    let second = 0
    const dripping = setInterval(() => {
      const next = hello.subarray(second, second + 1)
      for (const socket of drips) send(socket, next)
      // yamux pings are no login, however lively.
      for (const socket of pinging) send(socket.resume(), tls ? next : pings)
      second += 1
    }, 1_000)
    await eventually('all connections', async () =>
      (await stage.metric('harp_tunnel_connections')) > 2_220 ? true : undefined,
    )
    const peak = await residentBytes(stage.pid)

    await closedWithin(silent, 20_000, 'the silent ones to be cut')
    await closedWithin(drips, 25_000, 'those with a byte a second to be cut')
    await closedWithin(pinging, 40_000, 'those with nothing but pings to be cut')
    clearInterval(dripping)
    const asked = await asking.stop()

    report(`2,220 half-open${tls ? ', TLS' : ''}`, asked, memory, peak)
    expect(asked.bad).toBe(0)
    expect(peak - memory).toBeLessThan(128 * mebibyte)
    await untilSockets(stage.pid, before + 3)
  },
)

test('5,000 wrong logins from one address: it is banned, others are served', async () => {
  await using stage = await TunnelStage.open({
    environment: { HP_BLACKLIST_COUNT: '5', HP_TRUSTED_PROXY_IPS: '192.0.2.1', HP_LOG_LEVEL: 'warning' },
  })
  const path = stage.addApp('app', 23_001)
  await stage.standIn()
  await stage.untilServed(path)
  const [before, memory] = [await openSockets(stage.pid), await residentBytes(stage.pid)]
  const asking = keepAsking(stage, path)
  let peak = memory
  const errors = await crowd(5_000, 64, async (number) => {
    if (number % 500 === 0) peak = Math.max(peak, await residentBytes(stage.pid))
    const socket = await callFrp(stage.place.ports.frp, attacker)
    return loginError(await saidUntilClose(socket, loginMessage({ token: `wrong ${number}` })))
  })
  const asked = await asking.stop()

  const banned = errors.filter((error) => error?.includes('banned') === true)
  const wrong = errors.filter((error) => error?.includes('neither the shared key') === true)
  report('5,000 wrong logins', asked, memory, peak)
  console.log(`${wrong.length} were wrong, ${banned.length} banned`)
  expect(wrong.length).toBeGreaterThanOrEqual(5)
  expect(wrong.length).toBeLessThan(5 + 64)
  expect(banned.length).toBe(5_000 - wrong.length)
  expect(asked.bad).toBe(0)
  expect(peak - memory).toBeLessThan(96 * mebibyte)
  await untilSockets(stage.pid, before + 3)
  // The right key does not help from there, and does from elsewhere.
  const there = await callFrp(stage.place.ports.frp, attacker)
  expect(loginError(await saidUntilClose(there, loginMessage({ token: 'sekret' })))).toContain('banned')
  const elsewhere = await stage.standIn({ name: 'other', remotePort: 23_002 })
  await eventually('another login', () => (elsewhere.logins[0]?.error === '' ? true : undefined))
})
