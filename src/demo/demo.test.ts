import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { freePorts } from '../../test/support/free-ports.ts'
import { silentLogger } from '../base/logger.ts'
import { startDemo, type DemoGateway, type DemoGatewaySettings } from './demo.ts'
import { listenOnLoopback } from './loopback-server.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A gateway that only says its name; it remembers what it was told. */
function namedGateway(told: DemoGatewaySettings[]): (settings: DemoGatewaySettings) => Promise<DemoGateway> {
  return async (settings) => {
    told.push(settings)
    const bound = await listenOnLoopback(
      createServer((_request, response) => response.end('gateway')),
      [0],
    )
    return { httpAddress: bound.address, stop: () => bound.stop() }
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

  expect(await response.json()).toMatchObject({ exapp_version: '1.0.0', host: '127.0.0.1' })
  expect(trustedProxies).toBe('127.0.0.1')
  expect(sharedKey.length).toBeGreaterThan(30)
})

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

test('the stop closes every port, and can be asked for twice', async () => {
  const told: DemoGatewaySettings[] = []
  const demo = await startDemo({ log: silentLogger, startGateway: namedGateway(told), preferredPort: 0 })

  await Promise.all([demo.stop(), demo.stop()])

  expect(await isRefused(demo.url)).toBe(true)
  expect(await isRefused(told[0]!.nextcloudUrl)).toBe(true)
})

test('a gateway that does not start takes the rest down with it', async () => {
  let nextcloudUrl = ''
  const starting = startDemo({
    log: silentLogger,
    preferredPort: 0,
    startGateway: (settings) => {
      nextcloudUrl = settings.nextcloudUrl
      return Promise.reject(new Error('no gateway today'))
    },
  })

  await expect(starting).rejects.toThrow('no gateway today')
  expect(await isRefused(nextcloudUrl)).toBe(true)
})
