/** A real engine on another host, which `harp tunnel` publishes; versions of the API; and engines that are restarted. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { eventually } from '../support/deadline.ts'
import { HarpProcess } from '../support/gateway-process.ts'
import { type AppApi, createBody } from './app-api.ts'
import { canRunEngine, DockerDaemon, engineTest, readLogFrames } from './docker-daemon.ts'
import { EngineStage } from './engine-stage.ts'
import { ImageRegistry } from './image-registry.ts'
import { importSampleImage, importTinyImage, publish } from './sample-image.ts'
import { chat, visit } from './visitor.ts'

const enginePort = 24_001
/** The machine may be busy with much else. */
const patient = { timeoutMs: 30_000, everyMs: 100 }

let stage: EngineStage
let remote: DockerDaemon
let registry: ImageRegistry
let appApi: AppApi

beforeAll(async () => {
  if (!canRunEngine()) return
  stage = await EngineStage.open(() => ({ HARP_FRP_REQUIRE_TOKENS: 'all' }))
  remote = await DockerDaemon.start()
  stage.own(() => remote.stop())
  registry = await ImageRegistry.start()
  stage.own(() => registry.stop())
  appApi = stage.appApi.with({ enginePort })
  await importSampleImage(remote, 'sample')
  await importTinyImage(remote, 'tiny:1')
  await publish(remote, [{ local: 'tiny:1', remote: `127.0.0.1:${registry.port}/tiny:1` }])
  await openTunnel()
}, 120_000)

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]()
}, 60_000)

/** What an administrator does for a new engine host: a token at the gateway, and a file for `harp tunnel` there. */
async function openTunnel(): Promise<void> {
  const { environment } = stage.gateway.place
  const args = ['token', 'add', '--engine', 'remote-host', '--port', String(enginePort), '--json']
  const added = await new HarpProcess(args, environment).waitForExit()
  const { token } = JSON.parse(added.stdout) as { readonly token: string }
  await startTunnel('remote-host', token, enginePort)
  await eventually(
    'the engine behind the tunnel',
    async () => ((await appApi.engine('_ping')).status === 200 ? true : undefined),
    patient,
  )
}

async function startTunnel(name: string, token: string, port: number): Promise<HarpProcess> {
  const { certsDir } = stage.gateway.place
  const file = join(remote.directory, `${name}.toml`)
  const text = `serverAddr = "127.0.0.1"
serverPort = ${stage.frpPort}
loginFailExit = false
metadatas.token = "${token}"
transport.tls.certFile = "${certsDir}/frp/client.crt"
transport.tls.keyFile = "${certsDir}/frp/client.key"
transport.tls.trustedCaFile = "${certsDir}/frp/ca.crt"
transport.tls.serverName = "harp.nc"

[[proxies]]
name = "${name}"
type = "tcp"
remotePort = ${port}
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "${remote.socket}"
`
  await writeFile(file, text, { mode: 0o600 })
  const client = new HarpProcess(['tunnel', '-c', file], {})
  stage.own(() => client.stop())
  return client
}

engineTest(
  'an app lives at the remote engine as at the local one, and the local one knows nothing of it',
  async () => {
    const app = stage.app('far', { image: `${registry.address}/tiny:1`, port: 23_201 })
    registry.hold()
    const progress: string[] = []
    for await (const line of appApi.pull(app.image)) {
      progress.push(line)
      if (line.includes('Pulling fs layer')) registry.release()
    }
    expect(progress.at(-1)).toContain('Downloaded newer image')

    await appApi.deployPulled(app, 'sample:user')
    await appApi.enable(app)

    expect((await visit(stage.gateway.url, '/exapps/far/public/hello')).status).toBe(200)
    expect(await chat(stage.gateway.url, 'far', 'from afar')).toBe('from afar')
    expect((await stage.appApi.docker('exists', { name: 'far' })).json()).toEqual({ exists: false })
    expect(await remote.execute('nc_app_far', ['stat', '-c', '%u %a', '/certs/frp/client.key'])).toBe(
      '1000 600\n',
    )
    const logs = await appApi.engine('containers/nc_app_far/logs?stdout=true&stderr=true&tail=all')
    expect(readLogFrames(Buffer.from(logs.text, 'latin1'))).toContainEqual({
      stream: 'stdout',
      text: 'far 1.0.0 starts as 1000\n',
    })

    await appApi.disable(app)
    expect((await appApi.docker('remove', { name: 'far', remove_data: true })).status).toBe(204)
    expect((await appApi.docker('image_remove', { image_ref: app.image })).json()).toMatchObject({
      deleted: true,
    })
  },
)

engineTest('the shared key opens no engine port where tunnels need tokens', async () => {
  const client = await startTunnel('impostor', 'sekret', enginePort + 1)

  await eventually(
    'the refusal',
    () => (client.stdout.includes('`harp token add` on the gateway') ? true : undefined),
    patient,
  )

  expect((await appApi.with({ enginePort: enginePort + 1 }).engine('_ping')).status).toBe(503)
})

const versions = ['v1.12', 'v1.24', 'v1.41', 'v1.44', 'v1.99']

engineTest(
  'requests in every version of the API are answered, older and newer than the engine is',
  async () => {
    const app = stage.app('versions', { image: 'sample:root', port: 23_202 })
    await importTinyImage(stage.engine, 'tiny:3')
    await importTinyImage(remote, 'tiny:3')
    // What the engine does without a gateway.
    expect((await stage.engine.call('GET', '/v1.99/images/tiny:3/json', {}, 400)).status).toBe(400)
    expect((await stage.engine.call('GET', '/v1.9/images/tiny:3/json', {}, 400)).status).toBe(400)
    for (const each of [stage.appApi, appApi]) {
      expect((await each.docker('create', createBody(app, 'tiny:3'))).status).toBe(201)
      for (const apiVersion of [...versions, 'v1.9']) {
        const asked = each.with({ apiVersion })
        const answers = await Promise.all(
          [
            '_ping',
            'images/tiny:3/json',
            'containers/nc_app_versions/json',
            'containers/nc_app_versions/logs?stdout=true&stderr=true&tail=all',
          ].map((path) => asked.engine(path)),
        )
        expect([apiVersion, ...answers.map(({ status }) => status)]).toEqual([apiVersion, 200, 200, 200, 200])
      }
      expect((await each.docker('remove', { name: 'versions', remove_data: true })).status).toBe(204)
    }
  },
)

engineTest('a pull in a version that the engine does not know is a pull', async () => {
  const pull = appApi.with({ apiVersion: 'v1.99' }).pull(`${registry.address}/tiny:1`)

  expect(await lastLineOf(pull)).toMatch(/Downloaded newer image|Image is up to date/)
})

engineTest('an engine that is restarted is back at once, and so are its apps', async () => {
  const app = stage.app('steady', { image: 'sample:healthy', port: 23_203 })
  await appApi.deployPulled(app, 'sample:healthy')
  await appApi.enable(app)

  await remote.restart(async () => {
    const answers = await Promise.all([
      appApi.docker('exists', { name: 'steady' }),
      appApi.docker('wait_for_start', { name: 'steady' }),
      appApi.engine('_ping'),
    ])
    expect(answers.slice(0, 2).map(({ status, text }) => [status, text])).toEqual([
      [503, `Could not connect to Docker Engine on port ${enginePort}`],
      [503, `Could not connect to Docker Engine on port ${enginePort}`],
    ])
    // 502 or 503, depending on whether it is known already that the engine is down.
    expect(answers[2]?.status).toBeGreaterThanOrEqual(502)
    expect((await visit(stage.gateway.url, '/exapps/steady/public/hello')).status).toBe(503)
    // The other engine does not mind.
    expect((await stage.appApi.docker('exists', { name: 'steady' })).json()).toEqual({ exists: false })
  })

  expect((await appApi.docker('wait_for_start', { name: 'steady' })).json()).toMatchObject({ started: true })
  await eventually(
    'the app to be served again',
    async () =>
      (await visit(stage.gateway.url, '/exapps/steady/public/hello')).status === 200 ? true : undefined,
    patient,
  )
  expect((await appApi.docker('remove', { name: 'steady', remove_data: true })).status).toBe(204)
})

engineTest('a pull that a restart cuts off does not look like one that ended well', async () => {
  const image = `${registry.address}/tiny:1`
  await appApi.docker('image_remove', { image_ref: image })
  await remote.call('DELETE', '/images/tiny:1?force=true', {}, 404)
  registry.hold()
  const cut: string[] = []
  let restarted: Promise<void> | undefined
  const pulled = async (): Promise<void> => {
    for await (const line of appApi.pull(image)) {
      cut.push(line)
      if (line.includes('Pulling fs layer')) restarted = remote.restart()
    }
  }

  // The answer breaks off: its last chunk never came.
  await expect(pulled()).rejects.toThrow('terminated')

  registry.release()
  await restarted
  expect(cut.join('\n')).not.toContain('Downloaded newer image')
  expect(await lastLineOf(appApi.pull(image))).toContain('Downloaded newer image')
})

engineTest('the first call after a restart of the local engine is answered', async () => {
  const first = await stage.appApi.engine('_ping')
  await stage.engine.restart()

  const second = await stage.appApi.docker('exists', { name: 'nobody' })
  const third = await stage.appApi.engine('_ping')

  expect([first.status, second.json(), third.text]).toEqual([200, { exists: false }, 'OK'])
})

async function lastLineOf(lines: AsyncIterable<string>): Promise<string> {
  let last = ''
  for await (const line of lines) last = line
  return last
}
