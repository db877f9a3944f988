import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { MemoryLink } from '../../../test/support/memory-link.ts'
import { VirtualTime } from '../../../test/support/virtual-time.ts'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import { silentLogger } from '../../base/logger.ts'
import { FrpChannel } from '../frp/frp-channel.ts'
import type { FrpMessage } from '../frp/messages.ts'
import { parseFrpcConfig } from './frpc-config.ts'
import { TunnelSession, type SessionEnd } from './tunnel-session.ts'

const sweepers: DeadlineSweeper[] = []

afterEach(() => {
  for (const sweeper of sweepers.splice(0)) sweeper.stop()
})

/** A session in virtual time, and the server's end of its control connection. */
function setup(lines = '') {
  const source = `transport.tls.enable = false\n${lines}\n[[proxies]]\nname = "app"\nlocalPort = 80\n`
  const { config } = parseFrpcConfig(source, {})
  if (config === null) throw new Error('the file of the test is wrong')
  const time = new VirtualTime()
  const wires = new MemoryLink(time)
  const sweeper = new DeadlineSweeper(3_600_000, () => time.monotonic())
  sweepers.push(sweeper)
  const heard: FrpMessage[] = []
  const server: FrpChannel = new FrpChannel(wires.far, {
    side: 'server',
    randomBytes,
    onMessage: (message) => heard.push(message),
    onClose: () => {},
  })
  let isLinkDestroyed = false
  const session = new TunnelSession({
    config,
    link: {
      openStream: async () => wires.near,
      destroy: () => {
        isLinkDestroyed = true
      },
    },
    runId: '',
    targets: new Map(),
    clock: time,
    random: () => 0.999_999,
    sweeper,
    log: silentLogger,
    onLogin: () => {},
  })
  let end: SessionEnd | undefined
  void session.ended.then((value) => {
    end = value
  })
  const advance = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      await time.advance(Math.min(250, ms - passed))
      sweeper.sweep()
    }
    await time.advance()
  }
  return {
    session,
    server,
    heard,
    wires,
    sweeper,
    advance,
    of: (kind: FrpMessage['kind']) => heard.filter((each) => each.kind === kind),
    end: () => end,
    isLinkDestroyed: () => isLinkDestroyed,
    login: async () => {
      void session.start()
      await advance(1)
      server.send({ kind: 'LoginResp', version: '0.61.1', runId: 'run' })
      server.encrypt('')
      await advance(1)
    },
  }
}

test('a login that is not answered ends the attempt after 10 s, and leaves nothing', async () => {
  const { session, advance, end, sweeper, isLinkDestroyed } = setup()
  void session.start()

  await advance(9_500)
  expect(end()).toBeUndefined()
  await advance(1_000)

  expect(end()).toMatchObject({ kind: 'unreachable', error: { code: 'TUNNEL_CLIENT_NO_LOGIN_ANSWER' } })
  expect(isLinkDestroyed()).toBe(true)
  expect(sweeper.size).toBe(0)
})

test('a refusal ends the attempt with the server’s reason', async () => {
  const { session, server, advance, end } = setup()
  void session.start()
  await advance(1)

  server.send({ kind: 'LoginResp', error: 'no such key' })
  await advance(1)

  expect(end()).toMatchObject({
    kind: 'refused',
    error: { message: 'the server refused the login: no such key' },
  })
})

test('bytes that are no frp end the attempt', async () => {
  const { session, wires, advance, end } = setup()
  void session.start()
  await advance(1)

  wires.far.write('HTTP/1.1 400 Bad Request\r\n\r\n')
  await advance(1)

  expect(end()).toMatchObject({ kind: 'unreachable', error: { cause: { code: 'FRP_MESSAGE_UNKNOWN' } } })
})

test('a refused proxy is asked for after 1 s, 2 s, 4 s … 30 s', async () => {
  const { login, server, of, advance } = setup()
  await login()
  const askedAfter: number[] = []

  for (let refusals = 1; refusals <= 7; refusals += 1) {
    server.send({ kind: 'NewProxyResp', proxyName: 'app', error: 'port already used' })
    let waited = 0
    while (of('NewProxy').length === refusals) {
      await advance(250)
      waited += 250
    }
    askedAfter.push(waited)
  }

  expect(askedAfter.map((ms) => Math.floor(ms / 1_000))).toEqual([1, 2, 4, 8, 16, 30, 30])
})

test('a proxy that is not answered for 20 s is closed and asked for again', async () => {
  const { login, of, advance, heard } = setup()
  await login()

  await advance(19_500)
  expect(of('NewProxy')).toHaveLength(1)
  await advance(2_500)

  expect(heard.map((each) => each.kind)).toEqual(['Login', 'NewProxy', 'CloseProxy', 'NewProxy'])
})

test('with tcpMux there are no Pings, and silence is no loss', async () => {
  const { login, of, advance, end } = setup()
  await login()

  await advance(120_000)

  expect(of('Ping')).toEqual([])
  expect(end()).toBeUndefined()
})

test('without tcpMux there is a Ping every 5 s, and 12 s of silence are a loss', async () => {
  const { login, of, server, advance, end } = setup('transport.tcpMux = false')
  await login()
  for (let count = 0; count < 10; count += 1) {
    await advance(5_000)
    server.send({ kind: 'Pong' })
  }
  expect(of('Ping').length).toBeGreaterThanOrEqual(10)
  expect(end()).toBeUndefined()

  await advance(12_500)

  expect(end()).toMatchObject({ kind: 'lost', error: { message: 'nothing from the server for 12 s' } })
})

test('any message of the server is a sign of life', async () => {
  const { login, server, advance, end } = setup('transport.tcpMux = false')
  await login()

  for (let count = 0; count < 10; count += 1) {
    await advance(10_000)
    server.send({ kind: 'NewProxyResp', proxyName: 'other' })
  }

  expect(end()).toBeUndefined()
})

test('a Pong with an error ends the session', async () => {
  const { login, server, advance, end } = setup('transport.tcpMux = false')
  await login()

  server.send({ kind: 'Pong', error: 'token expired' })
  await advance(1)

  expect(end()).toMatchObject({ kind: 'lost', error: { message: expect.stringContaining('token expired') } })
})

test('messages that no client of tcp proxies gets change nothing', async () => {
  const { login, server, advance, end } = setup()
  await login()

  server.send({ kind: 'StartWorkConn', proxyName: 'app' })
  server.send({ kind: 'LoginResp', error: 'once more' })
  server.send({ kind: 'Unsupported', name: 'NatHoleResp' })
  await advance(1_000)

  expect(end()).toBeUndefined()
})

test('a stop before the login ends at once', async () => {
  const { session, advance, end, isLinkDestroyed } = setup()
  void session.start()

  await session.stop(1_000)
  await advance(1)

  expect(end()).toBeNull()
  expect(isLinkDestroyed()).toBe(true)
})
