/** `harp healthcheck` as a container calls it: exit status and one line. */
import { rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePorts } from '../support/free-ports.ts'
import {
  GatewayProcess,
  HarpProcess,
  prepareGatewayPlace,
  type Environment,
} from '../support/gateway-process.ts'
import { makeSelfSigned } from '../support/self-signed.ts'

const nowhere = 'http://127.0.0.1:9'
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function start(environment: Environment = {}): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start(nowhere, { environment })
  closers.push(() => gateway.stop())
  return gateway
}

async function healthcheck(environment: Environment): Promise<{ code: number | null; lines: string[] }> {
  const program = new HarpProcess(['healthcheck'], environment)
  closers.push(() => program.stop(1_000))
  const { code, stdout, stderr } = await program.waitForExit(10_000)
  return { code, lines: (stdout + stderr).split('\n').filter((line) => line !== '') }
}

test('a gateway that serves is healthy, even without Nextcloud', async () => {
  const gateway = await start()

  expect(await healthcheck(gateway.place.environment)).toEqual({ code: 0, lines: ['healthy'] })
})

test('row 162: a gateway whose event loop is stuck is unhealthy within the container’s patience', async () => {
  const gateway = await start()
  const startedAt = performance.now()

  gateway.program.signal('SIGSTOP')
  const stuck = await healthcheck(gateway.place.environment)
  gateway.program.signal('SIGCONT')

  expect(stuck.code).toBe(1)
  expect(stuck.lines).toEqual([
    `unhealthy: the gateway at 127.0.0.1:${gateway.port} does not answer within 5000 ms`,
  ])
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(await healthcheck(gateway.place.environment)).toMatchObject({ code: 0 })
})

test('a listener on all addresses is asked on loopback', async () => {
  const [port = 0] = await freePorts(1)
  const gateway = await prepareGatewayPlace(nowhere, {
    environment: { HP_EXAPPS_ADDRESS: `0.0.0.0:${port}` },
  })
  closers.push(() => rm(gateway.directory, { recursive: true, force: true }))
  const program = new HarpProcess(['gateway'], gateway.environment)
  closers.push(() => program.stop())

  for (;;) {
    const { code } = await healthcheck(gateway.environment)
    if (code === 0) break
    expect(program.exited).toBe(undefined)
  }
})

test.each<[string, Environment, RegExp]>([
  ['no gateway', { HP_EXAPPS_ADDRESS: '127.0.0.1:9' }, /cannot be reached \(ECONNREFUSED\)/],
  [
    'a gateway with another key',
    { HP_SHARED_KEY: 'another-key-than-that-one' },
    /does not accept this shared key/,
  ],
  ['a wrong setting', { HP_SESSION_LIFETIME: '99' }, /ERROR: HP_SESSION_LIFETIME="99"/],
])('%s is one line and exit 1', async (_what, environment, says) => {
  const gateway = await start()

  const { code, lines } = await healthcheck({ ...gateway.place.environment, ...environment })

  expect(code).toBe(1)
  expect(lines).toEqual([expect.stringMatching(says)])
  expect(lines[0]).toMatch(/^unhealthy: /)
})

test('a program that is no gateway is named by its answer', async () => {
  const server = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closers.push(async () => server.close())
  const { environment, directory } = await prepareGatewayPlace(nowhere)
  closers.push(() => rm(directory, { recursive: true, force: true }))
  const { port } = server.address() as AddressInfo

  const { lines } = await healthcheck({ ...environment, HP_EXAPPS_ADDRESS: `127.0.0.1:${port}` })

  expect(lines[0]).toContain('answers with status 404 in place of its heartbeat')
})

test('an address of tunnels that nobody listens on is unhealthy', async () => {
  const gateway = await start()
  const [port = 0] = await freePorts(1)

  expect(await healthcheck({ ...gateway.place.environment, HP_FRP_ADDRESS: `127.0.0.1:${port}` })).toEqual({
    code: 1,
    lines: [
      `unhealthy: the address of tunnels, 127.0.0.1:${port} (HP_FRP_ADDRESS), cannot be reached (ECONNREFUSED)`,
    ],
  })
})

test('with a certificate HTTPS has to answer too', async () => {
  const place = await prepareGatewayPlace(nowhere)
  await writeFile(join(place.certsDir, 'cert.pem'), makeSelfSigned().pem)
  const gateway = await GatewayProcess.startIn(place)
  closers.push(() => gateway.stop())

  const served = await healthcheck(place.environment)
  const [elsewhere = 0] = await freePorts(1)
  const closed = await healthcheck({
    ...place.environment,
    HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${elsewhere}`,
  })

  expect(served).toEqual({ code: 0, lines: ['healthy'] })
  expect(closed).toEqual({
    code: 1,
    lines: [
      `unhealthy: cert.pem is there but HTTPS at 127.0.0.1:${elsewhere} cannot be reached (ECONNREFUSED)`,
    ],
  })
})
