/** The life of an ExApp in a real container, as Nextcloud's admin page drives it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { eventually } from '../support/deadline.ts'
import { createBody, PullRefused } from './app-api.ts'
import { canRunEngine, engineTest, readLogFrames } from './docker-daemon.ts'
import { EngineStage } from './engine-stage.ts'
import { ImageRegistry } from './image-registry.ts'
import { importSampleImage, importTinyImage, publish, type Variant } from './sample-image.ts'
import { chat, visit } from './visitor.ts'

const mebibyte = 1024 * 1024
/** The machine may be busy with much else. */
const patient = { timeoutMs: 30_000, everyMs: 100 }
const published: readonly Variant[] = ['root', 'healthy']

let stage: EngineStage
let registry: ImageRegistry

beforeAll(async () => {
  if (!canRunEngine()) return
  stage = await EngineStage.open()
  registry = await ImageRegistry.start()
  stage.own(() => registry.stop())
  const { engine } = stage
  await importSampleImage(engine, 'sample')
  await importTinyImage(engine, 'tiny:1')
  const names = published.map((each) => [`sample:${each}`, `sample:${each}`] as const)
  await publish(
    engine,
    [...names, ['tiny:1', 'tiny:1'] as const].map(([local, remote]) => ({
      local,
      remote: `127.0.0.1:${registry.port}/${remote}`,
    })),
  )
}, 120_000)

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]()
}, 60_000)

interface Inspected {
  readonly State: { readonly Status: string }
  readonly Config: { readonly Image: string }
  readonly HostConfig: {
    readonly NetworkMode: string
    readonly Memory: number
    readonly NanoCpus: number
    readonly RestartPolicy: { readonly Name: string }
  }
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly Aliases: string[]; readonly Gateway: string }>>
  }
}

async function inspect(name: string): Promise<Inspected> {
  return (await stage.engine.call('GET', `/containers/${name}/json`)).json() as Inspected
}

async function statusOf(path: string): Promise<number> {
  return (await stage.engine.call('GET', path, {}, 404)).status
}

engineTest('a pull tells its progress while it is under way', async () => {
  const image = `${registry.address}/tiny:1`
  registry.hold()
  const lines: string[] = []
  for await (const line of stage.appApi.pull(image)) {
    lines.push(line)
    // NOTE: nothing else of it comes before the layer does.
    if (line.includes('Pulling fs layer')) {
      await eventually(
        'the engine to ask for the layer',
        () => (registry.heldCount > 0 ? true : undefined),
        patient,
      )
      expect(lines.join('\n')).not.toContain('complete')
      registry.release()
    }
  }

  expect(lines[0]).toContain('Pulling from tiny')
  expect(lines.at(-1)).toContain('Downloaded newer image')
  expect((await stage.appApi.engine(`images/${image}/json`)).status).toBe(200)
})

engineTest('an image that the registry does not have is refused in the words of the engine', async () => {
  const pull = stage.appApi.pull(`${registry.address}/tiny:1-cpu`)

  const refusal: unknown = await pull.next().catch((error: unknown) => error)

  expect(refusal).toBeInstanceOf(PullRefused)
  expect(refusal).toMatchObject({ status: 404, message: expect.stringContaining('tiny:1-cpu not found') })
})

engineTest('an app is deployed, visited, disabled, enabled, updated and removed', async () => {
  const { appApi, engine, gateway } = stage
  await writeFile(join(engine.sharedDirectory, 'greeting'), 'hello from the host')
  const app = stage.app('whole', {
    image: `${registry.address}/sample:root`,
    port: 23_001,
    mounts: [
      { source: engine.sharedDirectory, target: '/mnt/read', mode: 'ro' },
      { source: engine.sharedDirectory, target: '/mnt/write', mode: 'rw' },
    ],
    limits: { memory: 256 * mebibyte, nanoCPUs: 1_500_000_000 },
  })

  const image = await appApi.deploy(app)
  await appApi.enable(app)

  expect(image).toBe(app.image)
  expect((await appApi.docker('exists', { name: 'whole' })).json()).toEqual({
    exists: true,
    image_ref: image,
  })
  expect(await inspect('nc_app_whole')).toMatchObject({
    State: { Status: 'running' },
    HostConfig: {
      NetworkMode: 'host',
      Memory: 256 * mebibyte,
      NanoCpus: 1_500_000_000,
      RestartPolicy: { Name: 'unless-stopped' },
    },
  })
  const cgroups =
    'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true'
  expect(await engine.execute('nc_app_whole', ['sh', '-c', cgroups])).toContain(String(256 * mebibyte))
  expect(await engine.execute('nc_app_whole', ['cat', '/mnt/read/greeting'])).toBe('hello from the host')
  await engine.execute('nc_app_whole', ['sh', '-c', 'echo written > /mnt/write/answer'])
  expect(await readFile(join(engine.sharedDirectory, 'answer'), 'utf8')).toBe('written\n')
  await expect(engine.execute('nc_app_whole', ['sh', '-c', '> /mnt/read/no'])).rejects.toThrow('Read-only')

  const page = await visit(gateway.url, '/exapps/whole/public/hello')
  expect(page.status).toBe(200)
  expect(JSON.parse(page.text)).toMatchObject({ level: 'public', headers: { 'ex-app-id': 'whole' } })
  expect(await chat(gateway.url, 'whole', 'anybody there?')).toBe('anybody there?')

  await appApi.disable(app)

  expect((await visit(gateway.url, '/exapps/whole/public/hello')).status).toBe(503)
  expect((await inspect('nc_app_whole')).State.Status).toBe('exited')
  const logs = 'logs?stdout=true&stderr=true&tail=all'
  const passed = (await appApi.engine(`containers/nc_app_whole/${logs}`)).text
  const direct = (await engine.call('GET', `/containers/nc_app_whole/${logs}`)).body
  expect(Buffer.from(passed, 'latin1').equals(direct)).toBe(true)
  expect(readLogFrames(direct)).toEqual(
    expect.arrayContaining([
      { stream: 'stdout', text: 'whole 1.0.0 starts as 0\n' },
      { stream: 'stderr', text: 'warnings go here\n' },
    ]),
  )
  const tail = await appApi.engine('containers/nc_app_whole/logs?stdout=true&stderr=true&tail=1')
  expect(readLogFrames(Buffer.from(tail.text, 'latin1'))).toHaveLength(1)

  await appApi.enable(app)

  expect(await chat(gateway.url, 'whole', 'again')).toBe('again')

  await appApi.disable(app)
  const newer = stage.app('whole', { ...app, version: '1.0.1' })
  await appApi.deploy(newer)
  await appApi.enable(newer)

  expect(await engine.execute('nc_app_whole', ['cat', '/nc_app_whole_data/versions'])).toBe(
    '1.0.0\n1.0.0\n1.0.1\n',
  )
  expect(JSON.parse((await visit(gateway.url, '/exapps/whole/public/hello')).text)).toMatchObject({
    headers: { 'ex-app-version': '1.0.1' },
  })

  await appApi.disable(newer)
  expect((await appApi.docker('remove', { name: 'whole', remove_data: false })).status).toBe(204)

  expect((await appApi.docker('exists', { name: 'whole' })).json()).toEqual({ exists: false })
  expect(await statusOf('/volumes/nc_app_whole_data')).toBe(200)

  expect((await appApi.docker('remove', { name: 'whole', remove_data: true })).status).toBe(204)

  expect(await statusOf('/volumes/nc_app_whole_data')).toBe(404)
})

engineTest('an app with a health check counts as started when it is healthy', async () => {
  const { appApi, gateway } = stage
  const app = stage.app('checked', { image: `${registry.address}/sample:healthy`, port: 23_002 })
  await appApi.deploy(app)

  const again = await appApi.docker('wait_for_start', { name: 'checked' })

  expect(again.json()).toEqual({ started: true, status: 'running', health: 'healthy' })
  expect((await visit(gateway.url, '/exapps/checked/public/hello')).status).toBe(200)
  expect((await appApi.docker('start', { name: 'checked' })).text).toBe('Container already started')
})

engineTest(
  'an app whose health check fails, and one that ends, are told apart from one that runs',
  async () => {
    const { appApi } = stage
    const sick = createBody(
      stage.app('sick', { image: 'sample:unhealthy', port: 23_003 }),
      'sample:unhealthy',
    )
    const ended = createBody(stage.app('ended', { image: 'sample:ends', port: 23_004 }), 'sample:ends')
    expect((await appApi.docker('create', sick)).status).toBe(201)
    expect((await appApi.docker('create', { ...ended, restart_policy: 'no' })).status).toBe(201)
    for (const name of ['sick', 'ended']) {
      expect((await appApi.docker('start', { name })).status).toBe(204)
    }

    await eventually(
      'the app to end',
      async () => ((await inspect('nc_app_ended')).State.Status === 'exited' ? true : undefined),
      patient,
    )

    const [one, other, none] = await Promise.all(
      ['sick', 'ended', 'absent'].map((name) => appApi.docker('wait_for_start', { name })),
    )

    expect(one?.json()).toEqual({
      started: true,
      status: 'running',
      health: 'unhealthy',
      reason: 'unhealthy',
    })
    expect(other?.json()).toMatchObject({
      started: false,
      status: 'exited',
      reason: 'non-recoverable state: exited',
    })
    expect(none?.json()).toMatchObject({ started: false, status: 'not_found' })
  },
)

engineTest('an app on a network of its own has its id as alias and reaches the gateway', async () => {
  const { appApi, engine, gateway } = stage
  await engine.call('POST', '/networks/create', { json: { Name: 'apps', Driver: 'bridge' } })
  const { IPAM: ipam } = (await engine.call('GET', '/networks/apps')).json() as {
    readonly IPAM: { readonly Config: readonly { readonly Gateway: string }[] }
  }
  const host = ipam.Config[0]?.Gateway ?? ''
  const app = stage.app('netted', {
    image: 'sample:root',
    port: 23_005,
    networkMode: 'apps',
    frp: { host, port: stage.frpPort },
  })
  try {
    await appApi.deployPulled(app, 'sample:root')

    expect((await inspect('nc_app_netted')).NetworkSettings.Networks['apps']?.Aliases).toContain('netted')
    expect(await chat(gateway.url, 'netted', 'over the bridge')).toBe('over the bridge')
  } finally {
    await appApi.docker('remove', { name: 'netted', remove_data: true })
    await engine.call('DELETE', '/networks/apps')
  }
})

engineTest('what cannot be created is refused with its cause first', async () => {
  const { appApi, engine } = stage
  const app = stage.app('refused', { image: 'sample:root', port: 23_006 })
  const create = async (changed: object): Promise<{ status: number; text: string }> =>
    appApi.docker('create', { ...createBody(app, 'sample:root'), ...changed })

  const noImage = await create({ image_id: 'nowhere/none:1' })
  const root = await create({ mount_points: [{ source: '/srv', target: '/host', mode: 'ro' }] })
  const socket = await create({
    mount_points: [{ source: engine.socket, target: '/docker.sock', mode: 'rw' }],
  })
  expect((await create({})).status).toBe(201)
  const twice = await create({})

  expect(noImage).toMatchObject({
    status: 503,
    text: expect.stringContaining('No such image: nowhere/none:1'),
  })
  expect(root).toMatchObject({ status: 400, text: expect.stringContaining('mount of /srv refused') })
  expect(socket).toMatchObject({ status: 400, text: expect.stringContaining('refused') })
  expect(twice).toMatchObject({ status: 409, text: "Container with name 'nc_app_refused' already exists." })
})

engineTest('an app whose network does not exist is told so', async () => {
  const { appApi } = stage
  const app = stage.app('lost', { image: 'sample:root', port: 23_008, networkMode: 'nowhere' })
  expect((await appApi.docker('create', createBody(app, 'sample:root'))).status).toBe(201)

  const started = await appApi.docker('start', { name: 'lost' })

  expect(started.text).toContain('network nowhere not found')
  expect((await appApi.docker('start', { name: 'absent' })).text).toBe("Container 'nc_app_absent' not found.")
  expect((await appApi.docker('remove', { name: 'lost', remove_data: true })).status).toBe(204)
})

engineTest('an image is removed when nobody uses it any more, and the space it took is told', async () => {
  const { appApi, engine } = stage
  await importTinyImage(engine, 'tiny:2')
  const app = stage.app('user', { image: 'tiny:2', port: 23_007 })
  expect((await appApi.docker('create', createBody(app, 'tiny:2'))).status).toBe(201)

  const inUse = await appApi.docker('image_remove', { image_ref: 'tiny:2' })
  await appApi.docker('remove', { name: 'user', remove_data: true })
  const { Size: size } = (await engine.call('GET', '/images/tiny:2/json')).json() as { readonly Size: number }
  const removed = await appApi.docker('image_remove', { image_ref: 'tiny:2' })
  const gone = await appApi.docker('image_remove', { image_ref: 'tiny:2' })

  expect(inUse.json()).toEqual({ deleted: false, reason: 'in_use' })
  expect(removed.json()).toEqual({ deleted: true, bytes_freed: size })
  expect(gone.json()).toEqual({ deleted: true, bytes_freed: 0, reason: 'not_found' })
})
