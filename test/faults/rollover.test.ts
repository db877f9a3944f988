/** The certificates change under a running gateway, with clients of the old and of the new files connected. */
import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeAnonymousLeaf } from '../support/anonymous-leaf.ts'
import { eventually } from '../support/deadline.ts'
import { HarpProcess, type ProgramExit } from '../support/gateway-process.ts'
import { overview } from './overview.ts'
import { TunnelStage } from './tunnel-stage.ts'

let stage: TunnelStage

beforeAll(async () => {
  stage = await TunnelStage.open({ tls: true })
}, 60_000)

afterAll(() => stage[Symbol.asyncDispose]())

async function certs(...args: string[]): Promise<ProgramExit> {
  const program = new HarpProcess(['certs', ...args], stage.place.environment)
  try {
    return await program.waitForExit(20_000)
  } finally {
    await program.stop(1_000)
  }
}

const pathOf = (name: string): string => join(stage.place.certsDir, 'frp', name)

/** Gives the gateway another server certificate, and waits until clients see it. */
async function serveWith(pem: string): Promise<void> {
  await writeFile(pathOf('server.crt'), pem)
  const wanted = new X509Certificate(pem).fingerprint256
  await eventually('the new certificate', async () => {
    const socket = connect({ host: '127.0.0.1', port: stage.place.ports.frp, rejectUnauthorized: false })
    const { promise, resolve } = Promise.withResolvers<true | undefined>()
    socket.on('error', () => resolve(undefined))
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256 === wanted || undefined)
    })
    return promise.finally(() => socket.destroy())
  })
}

test('our client accepts a server certificate as old tools made them', async () => {
  const read = (name: string): Promise<string> => readFile(pathOf(name), 'utf8')
  const [ours, key, signedBy] = await Promise.all([read('server.crt'), read('server.key'), read('ca.key')])
  const served = stage.addApp('served', 23_001)
  await serveWith(await makeAnonymousLeaf({ key, signedBy }))

  await stage.startClient({ name: 'served', remotePort: 23_001 })

  await stage.untilServed(served)
  const { tunnels } = await overview(stage)
  expect(tunnels).toMatchObject([{ name: 'served', state: 'open', transport: 'tls' }])
  await serveWith(ours)
})

test('who has old files is served until the CA is dropped, and cut off then; who has new ones goes on', async () => {
  const [old, fresh] = [stage.addApp('old', 23_002), stage.addApp('fresh', 23_003)]
  await stage.standIn({ name: 'old', remotePort: 23_002 })
  await stage.untilServed(old)

  await eventually('the holder to be known', async () => {
    const { stdout } = await certs('status')
    return /^old +app +23002 .* current$/m.test(stdout) || undefined
  })
  expect((await certs('renew')).code).toBe(0)
  await eventually(
    'the new files to be accepted',
    async () => {
      await stage.standIn({ name: 'fresh', remotePort: 23_003 })
      return (await stage.isServed(fresh)) || undefined
    },
    { everyMs: 250 },
  )
  expect(await stage.isServed(old)).toBe(true)

  const refused = await certs('renew', '--finish', '--json')
  expect(refused.code).toBe(1)
  const { waiting } = JSON.parse(refused.stdout) as { waiting: { name: string }[] }
  expect(waiting.map(({ name }) => name)).toEqual(expect.arrayContaining(['old']))
  expect(waiting.map(({ name }) => name)).not.toContain('fresh')
  expect(await stage.isServed(old)).toBe(true)

  expect((await certs('renew', '--finish', '--force')).code).toBe(0)
  await eventually('the old tunnel to end', async () => {
    const { tunnels } = await overview(stage)
    return tunnels.find(({ name }) => name === 'old')?.state === 'lost' || undefined
  })
  const { tunnels } = await overview(stage)
  expect(tunnels.find(({ name }) => name === 'old')?.lastError?.problem).toContain('CA of its certificate')
  expect(tunnels.find(({ name }) => name === 'fresh')).toMatchObject({
    state: 'open',
    ageSeconds: expect.any(Number),
  })
  expect(await stage.isServed(fresh)).toBe(true)
  expect(await stage.isServed(old)).toBe(false)
})
