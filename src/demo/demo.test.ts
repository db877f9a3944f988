import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, request as startRequest } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePorts } from '../../test/support/free-ports.ts'
import { silentLogger } from '../base/logger.ts'
import { startDemo, type DemoGateway, type DemoGatewaySettings, type DemoTunnelSettings } from './demo.ts'
import { listenOnLoopback } from './loopback-server.ts'
import type { TunnelFacts } from './tunnel-panel.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const facts: TunnelFacts = {
  state: 'open',
  peer: '127.0.0.1',
  transport: 'tls',
  certificate: null,
  identity: { kind: 'token' },
  openedAt: '2026-01-01T00:00:00.000Z',
  ageSeconds: 1,
  connections: { active: 0, idle: 1, total: 0 },
  bytes: { toApp: 1, fromApp: 2 },
  roundTripMs: null,
}

/** A gateway that only says its name; it remembers what it was told. */
function namedGateway(
  told: DemoGatewaySettings[],
  tunnels: DemoTunnelSettings[] = [],
): (settings: DemoGatewaySettings) => Promise<DemoGateway> {
  return async (settings) => {
    told.push(settings)
    const bound = await listenOnLoopback(
      createServer((_request, response) => response.end('gateway')),
      [0],
    )
    return {
      httpAddress: bound.address,
      tunnelAddress: bound.address,
      openTunnel: async (tunnel) => {
        tunnels.push(tunnel)
        return { facts: async () => facts, stop: async () => {} }
      },
      stop: () => bound.stop(),
    }
  }
}

async function isRefused(url: string): Promise<boolean> {
  try {
    await fetch(url)
    return false
  } catch {
    return true
  }
}

test('one address leads to Nextcloud and, under /exapps/, to the gateway', async () => {
  const told: DemoGatewaySettings[] = []
  const demo = await startDemo({ log: silentLogger, startGateway: namedGateway(told), preferredPort: 0 })
  cleanups.push(() => demo.stop())

  expect(await (await fetch(demo.url)).text()).toContain('Who do you want to be?')
  expect(await (await fetch(`${demo.url}exapps/demo/`)).text()).toBe('gateway')
  expect(demo.notes.join('\n')).toContain(demo.url)
})

test('the gateway is told where Nextcloud is and a key that Nextcloud accepts', async () => {
  const told: DemoGatewaySettings[] = []
  const demo = await startDemo({ log: silentLogger, startGateway: namedGateway(told), preferredPort: 0 })
  cleanups.push(() => demo.stop())
  const { nextcloudUrl, sharedKey, trustedProxies } = told[0]!

  const response = await fetch(`${nextcloudUrl}/index.php/apps/app_api/harp/exapp-meta?appId=demo`, {
    headers: { 'harp-shared-key': sharedKey },
  })

  expect(await response.json()).toMatchObject({ exapp_version: '1.0.0', host: '127.0.0.1', port: 23_999 })
  expect(trustedProxies).toBe('127.0.0.1')
  expect(sharedKey.length).toBeGreaterThan(30)
})

test('the app is on a Unix socket, and the tunnel leads to it from the port that Nextcloud tells', async () => {
  const tunnels: DemoTunnelSettings[] = []
  const demo = await startDemo({
    log: silentLogger,
    startGateway: namedGateway([], tunnels),
    preferredPort: 0,
  })
  cleanups.push(() => demo.stop())
  const { appId, port, socketPath, through } = tunnels[0]!

  expect({ appId, port }).toEqual({ appId: 'demo', port: 23_999 })
  expect(await getFrom(socketPath, '/heartbeat')).toBe('{"status":"ok"}')
  expect(await (await fetch(`http://${through.host}:${through.port}/`)).text()).toBe('gateway')
  expect(await (await fetch(`${demo.url}demo/tunnel`)).json()).toMatchObject({ state: 'open', isCut: false })
})

async function getFrom(socketPath: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const request = startRequest({ socketPath, path, agent: false }, (response) => {
    response.setEncoding('utf8').on('data', resolve)
  })
  request.on('error', reject).end()
  return promise
}

test('two demos never share a secret', async () => {
  const told: DemoGatewaySettings[] = []
  for (let i = 0; i < 2; i++) {
    const demo = await startDemo({ log: silentLogger, startGateway: namedGateway(told), preferredPort: 0 })
    cleanups.push(() => demo.stop())
  }

  expect(told[0]!.sharedKey).not.toBe(told[1]!.sharedKey)
})

test('a busy port is named and the next free one taken', async () => {
  const [port = 0] = await freePorts(1)
  const holder = createTcpServer().listen(port, '127.0.0.1')
  cleanups.push(() => void holder.close())

  const demo = await startDemo({ log: silentLogger, startGateway: namedGateway([]), preferredPort: port })
  cleanups.push(() => demo.stop())

  expect(new URL(demo.url).port).not.toBe(String(port))
  expect(demo.notes[0]).toContain(`Port ${port} is busy`)
  expect(demo.notes[0]).toContain(new URL(demo.url).port)
  expect(await (await fetch(demo.url)).text()).toContain('Harp demo')
})

test('the stop closes every port, removes every file, and can be asked for twice', async () => {
  const told: DemoGatewaySettings[] = []
  const demo = await startDemo({ log: silentLogger, startGateway: namedGateway(told), preferredPort: 0 })
  const { directory } = told[0]!
  await writeFile(join(directory, 'left-over'), 'secret')

  await Promise.all([demo.stop(), demo.stop()])

  expect(existsSync(directory)).toBe(false)
  expect(await isRefused(demo.url)).toBe(true)
  expect(await isRefused(told[0]!.nextcloudUrl)).toBe(true)
})

test('a gateway that does not start takes the rest down with it', async () => {
  let nextcloudUrl = ''
  let directory = ''
  const starting = startDemo({
    log: silentLogger,
    preferredPort: 0,
    startGateway: (settings) => {
      ;({ nextcloudUrl, directory } = settings)
      return Promise.reject(new Error('no gateway today'))
    },
  })

  await expect(starting).rejects.toThrow('no gateway today')
  expect(await isRefused(nextcloudUrl)).toBe(true)
  expect(existsSync(directory)).toBe(false)
})
