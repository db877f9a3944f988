/** The image that our Dockerfile makes, built and run on a real engine. */
import { generateKeyPairSync } from 'node:crypto'
import { chmod, chown, link, mkdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { realPart } from '../support/real-parts.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { canRunEngine, DockerDaemon } from './docker-daemon.ts'
import { GatewayContainer, sharedKey } from './gateway-container.ts'
import { addedBytes, buildImage, canBuildImage } from './node-base.ts'

const image = 'harp:test'
const harpUser = 8780
const dockerGroup = 4_242
const isPossible = (): boolean => canRunEngine() && canBuildImage()
const imageTest = realPart(
  'a Docker engine with its command (docker.io, as root), busybox and npm',
  isPossible,
)

let engine: DockerDaemon

beforeAll(async () => {
  if (!isPossible()) return
  engine = await DockerDaemon.start()
  await buildImage(engine, image)
}, 360_000)

afterAll(async () => {
  await engine?.stop()
}, 60_000)

imageTest('what the image adds to its base is small, and it says how it is to be run', async () => {
  const { Config: config } = (await engine.call('GET', `/images/${image}/json`)).json() as {
    readonly Config: Record<string, unknown>
  }

  expect(await addedBytes(engine, image)).toBeLessThan(20 * 1_048_576)
  expect(config).toMatchObject({
    Entrypoint: ['harp'],
    Cmd: ['gateway'],
    StopSignal: 'SIGTERM',
    ExposedPorts: { '8780/tcp': {}, '8781/tcp': {}, '8782/tcp': {} },
    Volumes: { '/certs': {}, '/var/lib/harp': {} },
    Healthcheck: {
      Test: ['CMD', 'harp', 'healthcheck'],
      Interval: 10e9,
      Timeout: 10e9,
      Retries: 9,
    },
  })
})

imageTest('it takes over what HaRP left to root, and goes on without any right', async () => {
  const place = await leftByHarp('taken-over')
  await using container = await GatewayContainer.start(engine, {
    image,
    environment: ['HP_SHARED_KEY_FILE=/run/secrets/key'],
    binds: [
      `${place}/certs:/certs`,
      `${place}/state:/var/lib/harp`,
      `${place}/key:/run/secrets/key:ro`,
      `${engine.socket}:/var/run/docker.sock`,
    ],
    capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'],
  })
  await container.untilHealthy()

  const status = await container.execute(['node', '-p', 'fs.readFileSync("/proc/1/status", "utf8")'])
  const ping = await container.pingEngine()

  expect(status).toMatch(/^Uid:\s+8780\s+8780\s+8780\s+8780$/m)
  expect(status).toMatch(/^CapEff:\s+0+$/m)
  expect(status).toMatch(/^CapPrm:\s+0+$/m)
  expect(ping).toBe(200)
  expect(await ownerOf(`${place}/certs/frp/ca.key`)).toEqual({ uid: harpUser, gid: harpUser, mode: 0o600 })
  expect(await ownerOf(`${place}/certs/frp/client.key`)).toEqual({
    uid: harpUser,
    gid: harpUser,
    mode: 0o600,
  })
  expect(await ownerOf(`${place}/certs/cert.pem`)).toEqual({ uid: 0, gid: harpUser, mode: 0o640 })
  expect(await ownerOf(`${place}/key`)).toEqual({ uid: 0, gid: 0, mode: 0o600 })
  expect(await ownerOf(`${place}/elsewhere`)).toEqual({ uid: 0, gid: 0, mode: 0o600 })
  expect(await container.execute(['harp', 'token', 'list'])).toContain('There are no tokens')
})

imageTest('SIGTERM reaches the gateway, which ends by itself with 0', async () => {
  await using container = await GatewayContainer.start(engine, {
    image,
    environment: [`HP_SHARED_KEY=${sharedKey}`],
    capabilities: null,
  })
  await container.untilAnswering()

  const startedAt = performance.now()
  const exitCode = await container.stop(30)

  expect(exitCode).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(20_000)
})

imageTest('it runs as another user from the start, on new volumes and without capabilities', async () => {
  await using container = await GatewayContainer.start(engine, {
    image,
    environment: [`HP_SHARED_KEY=${sharedKey}`],
    user: `${harpUser}:${harpUser}`,
    capabilities: [],
  })

  await container.untilAnswering()

  expect(await container.execute(['harp', 'certs', 'status'])).toContain('/certs/frp')
})

imageTest('it refuses to go on as root where it cannot stop being root', async () => {
  await using container = await GatewayContainer.start(engine, {
    image,
    environment: [`HP_SHARED_KEY=${sharedKey}`],
    capabilities: [],
  })

  const exitCode = await container.waitForExit()

  expect(exitCode).toBe(1)
  expect(await container.logs()).toMatch(/cannot stop being root \(EPERM\)\. Fix: .*--user 8780:8780/)
})

/** Directories and files as HaRP's container leaves them, in the engine's shared directory. */
async function leftByHarp(name: string): Promise<string> {
  const place = join(engine.sharedDirectory, name)
  await mkdir(join(place, 'certs/frp'), { recursive: true })
  await mkdir(join(place, 'state'))
  const forRoot = { mode: 0o600 }
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  // Only the CA's key: the rest is made from it, which takes reading it and writing beside it.
  await writeFile(
    join(place, 'certs/frp/ca.key'),
    privateKey.export({ type: 'pkcs8', format: 'pem' }),
    forRoot,
  )
  await writeFile(join(place, 'certs/cert.pem'), makeSelfSigned().pem, forRoot)
  const tokens = { format: 'harp-tokens', version: 1, tokens: [] }
  await writeFile(join(place, 'state/tokens.json'), JSON.stringify(tokens), forRoot)
  await writeFile(join(place, 'key'), `${sharedKey}\n`, forRoot)
  await writeFile(join(place, 'elsewhere'), 'of the host', forRoot)
  await symlink('../elsewhere', join(place, 'state/link'))
  await link(join(place, 'elsewhere'), join(place, 'state/second-name'))
  await chown(engine.socket, 0, dockerGroup)
  await chmod(engine.socket, 0o660)
  return place
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number; mode: number }> {
  const { uid, gid, mode } = await stat(path)
  return { uid, gid, mode: mode & 0o777 }
}
