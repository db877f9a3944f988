import { randomBytes } from 'node:crypto'
import { acceptOf, maskedTextFrame } from '../control/websocket-bytes.ts'
import { fail, ok, type Check } from './check.ts'
import { controlUrl, keyField, type GatewayAccess } from './echo.ts'
import { probe, type ProbeUpgrade } from './http-probe.ts'
import { proxyFixes } from './proxy-fixes.ts'

const name = 'WebSocket'

/** A WebSocket to the gateway's diagnostics, with one message each way. */
export async function checkWebSocket(access: GatewayAccess): Promise<Check> {
  const key = randomBytes(16).toString('base64')
  const result = await probe({
    url: controlUrl(access.base, '/doctor/upgrade'),
    headers: {
      ...keyField(access),
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
    },
    timeoutMs: access.timeoutMs,
    clock: access.clock,
  })
  switch (result.kind) {
    case 'failed':
      return fail(
        name,
        `the reverse proxy kills the upgrade: ${access.base.host} ${result.problem.text}`,
        proxyFixes.upgrade,
      )
    case 'response': {
      const isStripped = result.status === 400 && result.body.startsWith('no upgrade')
      const what = isStripped
        ? 'the reverse proxy does not pass the upgrade on: the gateway gets an ordinary request'
        : `the reverse proxy answers the upgrade with ${result.status}`
      return fail(name, what, proxyFixes.upgrade)
    }
    case 'upgraded':
      break
  }
  if (result.headers['sec-websocket-accept'] !== acceptOf(key)) {
    result.socket.destroy()
    return fail(
      name,
      'the upgrade is answered by something that does not speak WebSocket',
      proxyFixes.upgrade,
    )
  }
  return (await exchangesMessages(result, access.timeoutMs))
    ? ok(name, 'opens, and messages pass both ways')
    : fail(name, 'opens, but messages do not pass through the reverse proxy', proxyFixes.upgrade)
}

/** The gateway says "harp", and "heard" to whatever it is told. */
async function exchangesMessages(upgraded: ProbeUpgrade, timeoutMs: number): Promise<boolean> {
  const { socket } = upgraded
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), timeoutMs)
  let received = ''
  let hasSpoken = false
  const take = (chunk: Buffer): void => {
    received += chunk.toString('latin1')
    if (!hasSpoken && received.includes('harp')) {
      hasSpoken = true
      socket.write(maskedTextFrame('hello', randomBytes(4)))
    }
    if (received.includes('heard')) resolve(true)
  }
  socket.on('data', take)
  socket.on('close', () => resolve(false))
  take(upgraded.early)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
