/** `harp token` and `harp tunnels`, as commands of their own, over the control socket. */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { ControlSocket } from '../../src/gateway/admin/control-socket.ts'
import { jsonAnswer } from '../../src/net/operator-server.ts'
import type { TunnelOverview, TunnelStatus } from '../../src/gateway/tunnels/tunnel-status.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import {
  GatewayProcess,
  HarpProcess,
  prepareGatewayPlace,
  type Environment,
  type ProgramExit,
} from '../support/gateway-process.ts'

let nextcloud: FakeNextcloud

beforeAll(async () => {
  nextcloud = await FakeNextcloud.start()
})
afterAll(async () => {
  await nextcloud.stop()
})

async function harp(args: readonly string[], environment: Environment): Promise<ProgramExit> {
  const program = new HarpProcess(args, environment)
  try {
    return await program.waitForExit(20_000)
  } finally {
    await program.stop(1_000)
  }
}

interface Made {
  readonly id: string
  readonly token: string
}

async function makeToken(environment: Environment, ...args: string[]): Promise<Made> {
  const { code, stdout, stderr } = await harp(['token', 'add', ...args, '--json'], environment)
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Made
}

async function listIds(environment: Environment): Promise<readonly string[]> {
  const { stdout } = await harp(['token', 'list', '--json'], environment)
  return (JSON.parse(stdout) as { tokens: Made[] }).tokens.map(({ id }) => id)
}

describe('with a gateway', () => {
  let gateway: GatewayProcess
  let environment: Environment

  beforeAll(async () => {
    gateway = await GatewayProcess.start(nextcloud.url, { environment: { HP_LOG_LEVEL: 'debug' } })
    // What an operator's shell has: no shared key, no URL.
    environment = { HARP_STATE_DIR: gateway.place.stateDir }
  })
  afterAll(async () => {
    await gateway.stop()
  })

  test('a token is shown once, listed without its text, and revoked', async () => {
    expect(await harp(['token', 'list'], environment)).toMatchObject({
      code: 0,
      stdout: 'There are no tokens: all tunnels log in with the shared key.\n',
    })

    const added = await harp(['token', 'add', '--app', 'Foo'], environment)

    const [, id = ''] = /^Token ([0-9a-f]{8}) for app foo\./.exec(added.stdout) ?? []
    const [token = ''] = /harp_app_[A-Za-z0-9_-]{32}/.exec(added.stdout) ?? []
    expect([added.code, id !== '', token !== '']).toEqual([0, true, true])
    const listed = await harp(['token', 'list'], environment)
    expect(listed.stdout).toMatch(/^ID +FOR +PORT +MADE +LAST USED\n/)
    expect(listed.stdout).toMatch(new RegExp(`^${id} +app foo +any +20[^ ]+Z +never$`, 'm'))
    const file = readFileSync(join(gateway.place.stateDir, 'tokens.json'), 'utf8')
    for (const told of [listed.stdout, gateway.output, file]) {
      expect(told).not.toContain(token.slice('harp_app_'.length))
    }

    expect(await harp(['token', 'revoke', id], environment)).toMatchObject({
      code: 0,
      stdout: `Token ${id} of app foo is revoked; its tunnels end now.\n`,
    })
    expect(await listIds(environment)).toEqual([])
    for (const wrong of [id, '', '../status']) {
      expect(await harp(['token', 'revoke', wrong], environment)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('harp token list'),
      })
    }
  })

  test('--json has everything of a token for an engine', async () => {
    const made = await makeToken(environment, '--engine', 'gpu-1', '--port', '24007')

    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}$/),
      kind: 'engine',
      name: 'gpu-1',
      port: 24_007,
      createdAt: expect.stringMatching(/Z$/),
      lastUsedAt: null,
      lastPeer: null,
      token: expect.stringMatching(/^harp_engine_/),
    })
    expect(await listIds(environment)).toEqual([made.id])
  })

  test.each([
    [[], 'either --app ID or --engine NAME'],
    [['--app', 'foo', '--engine', 'gpu'], 'either --app ID or --engine NAME'],
    [['--app', 'a/b'], 'for an app needs its id'],
    [['--app', 'foo', '--port', '24000'], 'for an app takes no port'],
    [['--engine', 'gpu', '--port', '23001'], 'from 24000 to 24099'],
    [['--engine', 'gpu', '--port', 'many'], '--port is a number'],
    [['--engine', '-gpu'], 'for an engine needs its name'],
  ])('harp token add %j exits 1 with the reason', async (args, reason) => {
    const { code, stdout, stderr } = await harp(['token', 'add', ...args], environment)

    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(reason)
  })

  test('harp tunnels says how tunnels arrive', async () => {
    const { code, stdout } = await harp(['tunnels', '--json'], environment)

    expect([code, JSON.parse(stdout)]).toMatchObject([0, { requireTokens: 'none', tunnels: [], refused: [] }])
    expect((await harp(['tunnels'], environment)).stdout).toContain('No tunnel is open.')
  })

  test('the state directory has nothing but the socket and the tokens, for the owner alone', async () => {
    expect((await stat(join(gateway.place.stateDir, 'tokens.json'))).mode & 0o777).toBe(0o600)
  })
})

describe('a tunnel with a token of its own', () => {
  let gateway: GatewayProcess
  let environment: Environment
  const clients: FrpcStandIn[] = []

  beforeAll(async () => {
    gateway = await GatewayProcess.start(nextcloud.url, {
      environment: {
        HP_FRP_DISABLE_TLS: 'true',
        HARP_FRP_REQUIRE_TOKENS: 'engines',
        HP_LOG_LEVEL: 'debug',
        HP_BLACKLIST_COUNT: '1000',
      },
    })
    environment = { HARP_STATE_DIR: gateway.place.stateDir }
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.stop()
  })
  afterAll(async () => {
    await gateway.stop()
  })

  async function connect(token: string, name: string, remotePort: number): Promise<FrpcStandIn> {
    const client = await FrpcStandIn.connected({
      server: { host: '127.0.0.1', port: gateway.place.ports.frp },
      tls: 'off',
      token,
      proxies: [{ name, remotePort, target: { port: 9 } }],
    })
    clients.push(client)
    return client
  }

  test('ends with the token, at once, and others go on', async () => {
    const [mine, other] = [
      await makeToken(environment, '--app', 'foo'),
      await makeToken(environment, '--app', 'bar'),
    ]
    const client = await connect(mine.token, 'foo', 23_001)
    const bystander = await connect(other.token, 'bar', 23_002)
    expect((await client.proxyResponse('foo')).error).toBe('')

    const listed = await harp(['token', 'list', '--json'], environment)
    expect(JSON.parse(listed.stdout)).toMatchObject({
      tokens: [{ id: mine.id, lastPeer: '127.0.0.1', lastUsedAt: expect.stringMatching(/Z$/) }, {}],
    })
    const tunnels = await harp(['tunnels', '--json'], environment)
    expect(JSON.parse(tunnels.stdout)).toMatchObject({
      tunnels: expect.arrayContaining([
        expect.objectContaining({ name: 'foo', identity: { kind: 'token', id: mine.id } }),
      ]),
    })
    // Of the run id only the beginning is told.
    expect(tunnels.stdout).not.toContain(client.runId)

    await harp(['token', 'revoke', mine.id], environment)

    await client.ended()
    expect(bystander.isLoggedIn).toBe(true)
    const again = await connect(mine.token, 'foo', 23_001)
    expect((await again.loginResponse).error).not.toBe('')
    for (const secret of [mine.token, other.token]) expect(gateway.output).not.toContain(secret)
  })

  test('may have the name and port of its token only, and engines need one', async () => {
    const engine = await makeToken(environment, '--engine', 'gpu', '--port', '24005')
    const error = async (token: string, name: string, port: number): Promise<string> =>
      (await (await connect(token, name, port)).proxyResponse(name)).error

    expect(await error(engine.token, 'gpu', 24_006)).toContain('24005')
    expect(await error(engine.token, 'tpu', 24_005)).toContain('"gpu"')
    expect(await error(engine.token, 'gpu', 23_005)).toContain('engine')
    expect(await error('sekret', 'gpu', 24_005)).toContain('harp token add --engine')
    expect(await error(engine.token, 'gpu', 24_005)).toBe('')
  })
})

test('a token that was shown survives the gateway being killed', async () => {
  const place = await prepareGatewayPlace(nextcloud.url)
  const environment = { HARP_STATE_DIR: place.stateDir }
  const first = await GatewayProcess.startIn(place)
  const made = [await makeToken(environment, '--app', 'foo'), await makeToken(environment, '--app', 'bar')]
  first.program.signal('SIGKILL')
  await first.program.waitForExit()

  const second = await GatewayProcess.startIn(place)
  try {
    expect(await listIds(environment)).toEqual(made.map(({ id }) => id))
  } finally {
    await second.stop()
  }
})

test('a damaged tokens.json is named and kept, and the gateway serves without it', async () => {
  const place = await prepareGatewayPlace(nextcloud.url)
  const path = join(place.stateDir, 'tokens.json')
  writeFileSync(path, '{"format":"harp-tokens","version":7,"tokens":[]}')
  const gateway = await GatewayProcess.startIn(place)
  try {
    const environment = { HARP_STATE_DIR: place.stateDir }
    for (const args of [['list'], ['add', '--app', 'foo'], ['revoke', '00000000']]) {
      const { code, stderr } = await harp(['token', ...args], environment)
      expect(code).toBe(1)
      expect(stderr).toContain('has version 7')
      expect(stderr).toContain('[TOKENS_UNUSABLE]')
    }
    expect(gateway.output).toContain('TOKENS_UNUSABLE')
    expect(readFileSync(path, 'utf8')).toContain('"version":7')
  } finally {
    await gateway.stop()
  }
})

test.each([
  [['token', 'list']],
  [['token', 'add', '--app', 'foo']],
  [['token', 'revoke', '00000000']],
  [['tunnels']],
])('without a gateway harp %j exits 3 with one line', async (args) => {
  const { code, stdout, stderr } = await harp(args, { HARP_STATE_DIR: '/nowhere/harp' })

  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toMatch(/^ERROR: no gateway answers at \/nowhere\/harp\/harp\.sock.*\n$/)
})

describe('harp tunnels', () => {
  const tunnel: TunnelStatus = {
    name: 'foo',
    port: 23_001,
    kind: 'app',
    state: 'open',
    peer: '192.0.2.7',
    user: '',
    clientVersion: '0.61.1',
    transport: 'tls',
    mux: true,
    wire: 1,
    certificate: { subject: 'CN=harp.client.nc', serialNumber: '01', validTo: '2040-01-01T00:00:00.000Z' },
    identity: { kind: 'token', id: '0123abcd' },
    runId: '1f2e',
    openedAt: '2026-01-01T00:00:00.000Z',
    ageSeconds: 93_784,
    connections: { active: 2, idle: 1, total: 1_234 },
    bytes: { toApp: 1_536, fromApp: 5_368_709_120 },
    roundTripMs: 3.456,
    lastError: null,
    lastSeen: '2026-01-02T02:03:04.000Z',
  }
  const overview: TunnelOverview = {
    listening: '0.0.0.0:8782',
    tls: true,
    requireTokens: 'engines',
    tunnels: [
      tunnel,
      {
        ...tunnel,
        name: 'gpu\u001b[31m',
        kind: 'engine',
        port: 24_001,
        state: 'lost',
        roundTripMs: null,
        lastError: { at: '2026-01-02T02:00:00.000Z', problem: 'no sign of life\nfor 10 s' },
      },
    ],
    refused: [{ at: '2026-01-02T01:00:00.000Z', peer: '192.0.2.9', name: null, problem: 'wrong token' }],
  }

  async function tunnelsOf(value: unknown, ...args: string[]): Promise<ProgramExit> {
    const stateDir = await mkdtemp(join(tmpdir(), 'harp-tunnels-'))
    const socket = new ControlSocket({ stateDir, handle: () => jsonAnswer(200, value), log: silentLogger })
    await socket.start()
    try {
      return await harp(['tunnels', ...args], { HARP_STATE_DIR: stateDir })
    } finally {
      socket.stop()
      await rm(stateDir, { recursive: true, force: true })
    }
  }

  test('the table is for people, and clients cannot draw in it', async () => {
    const { code, stdout } = await tunnelsOf(overview)

    expect([code, stdout.split('\n')]).toEqual([
      0,
      [
        'Tunnels arrive at 0.0.0.0:8782, mutual TLS, engines with a token of their own only.',
        '',
        'NAME      PORT   STATE  AGE    PEER       RTT     CONNS     IN/OUT           ERROR',
        'foo       23001  open   1d 2h  192.0.2.7  3.5 ms  2 (1234)  1.5 KiB/5.0 GiB  -',
        'gpu [31m  24001  lost   1d 2h  192.0.2.7  -       2 (1234)  1.5 KiB/5.0 GiB  2026-01-02T02:00:00.000Z no sign of life for 10 s',
        '',
        'REFUSED                   PEER       NAME  WHY',
        '2026-01-02T01:00:00.000Z  192.0.2.9  -     wrong token',
        '',
      ],
    ])
  })

  test('--json is the overview as the gateway gives it', async () => {
    const { code, stdout } = await tunnelsOf(overview, '--json')

    expect([code, JSON.parse(stdout)]).toEqual([0, overview])
  })

  test('an answer of another version is a failure with one line', async () => {
    expect(await tunnelsOf({ tunnels: [{ name: 'foo' }] })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another version'),
    })
  })
})
