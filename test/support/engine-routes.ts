/** The parts of Docker's Engine API that a scripted engine answers by itself, out of its state. */
import { type EngineState, type FakeContainer, type FakeImage, tagged } from './engine-state.ts'

export interface EngineCall {
  readonly method: string
  /** As it came, with version and query. */
  readonly target: string
  /** '1.44'; null: the target has none. */
  readonly version: string | null
  /** Without version and query, as it came. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** undefined: not JSON. */
  readonly json: unknown
}

export interface EngineReply {
  readonly status: number
  readonly json?: unknown
  readonly body?: Buffer | string
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  /** One write each, chunked. */
  readonly lines?: readonly string[]
  /** As docker answers an exec: no length, ended by the end of the connection. */
  readonly untilClose?: boolean
}

type Route = (state: EngineState, call: EngineCall, names: readonly string[]) => EngineReply

const fault = (status: number, message: string): EngineReply => ({ status, json: { message } })
const empty = (status: number): EngineReply => ({ status })

const routes: readonly (readonly [string, RegExp, Route])[] = [
  ['GET', /^\/containers\/json$/, listContainers],
  ['GET', /^\/containers\/([^/]+)\/json$/, withContainer((_state, _call, container) => inspect(container))],
  ['GET', /^\/containers\/([^/]+)\/logs$/, withContainer((_state, _call, container) => logs(container))],
  ['POST', /^\/containers\/create$/, create],
  ['POST', /^\/containers\/([^/]+)\/start$/, withContainer(start)],
  ['POST', /^\/containers\/([^/]+)\/stop$/, withContainer(stop)],
  ['DELETE', /^\/containers\/([^/]+)$/, withContainer(remove)],
  ['PUT', /^\/containers\/([^/]+)\/archive$/, withContainer(putArchive)],
  ['GET', /^\/containers\/([^/]+)\/archive$/, withContainer(getArchive)],
  ['HEAD', /^\/containers\/([^/]+)\/archive$/, withContainer(getArchive)],
  ['POST', /^\/containers\/([^/]+)\/exec$/, withContainer(createExec)],
  ['POST', /^\/exec\/([^/]+)\/start$/, startExec],
  ['GET', /^\/exec\/([^/]+)\/json$/, inspectExec],
  ['POST', /^\/volumes\/create$/, createVolume],
  ['GET', /^\/volumes\/([^/]+)$/, inspectVolume],
  ['DELETE', /^\/volumes\/([^/]+)$/, removeVolume],
  ['GET', /^\/networks\/([^/]+)$/, inspectNetwork],
  ['POST', /^\/images\/create$/, pull],
  ['GET', /^\/images\/(.+)\/json$/, inspectImage],
  ['DELETE', /^\/images\/(.+)$/, removeImage],
]

export function answerFromState(state: EngineState, call: EngineCall): EngineReply {
  for (const [method, pattern, route] of routes) {
    const match = call.method === method ? pattern.exec(call.path) : null
    if (match !== null) return route(state, call, match.slice(1).map(decodeURIComponent))
  }
  return fault(404, 'page not found')
}

function withContainer(
  route: (state: EngineState, call: EngineCall, container: FakeContainer) => EngineReply,
): Route {
  return (state, call, [name = '']) => {
    const container = state.container(name)
    return container === undefined ? fault(404, `No such container: ${name}`) : route(state, call, container)
  }
}

function listContainers(state: EngineState, call: EngineCall): EngineReply {
  const isAll = ['1', 'true'].includes(call.query.get('all') ?? '')
  const listed = [...state.containers.values()].filter(({ status }) => isAll || status === 'running')
  const json = listed.map(({ id, name, image, status }) => ({
    Id: id,
    Names: [`/${name}`],
    Image: image.reference,
    State: status,
  }))
  return { status: 200, json }
}

function inspect(container: FakeContainer): EngineReply {
  const { id, name, image, body, status, health, exitCode } = container
  const { HostConfig, NetworkingConfig, ...config } = body
  return {
    status: 200,
    json: {
      Id: id,
      Name: `/${name}`,
      Created: '2026-01-01T00:00:00Z',
      Image: image.id,
      State: {
        Status: status,
        Running: status === 'running' || status === 'paused',
        Paused: status === 'paused',
        Restarting: status === 'restarting',
        Dead: status === 'dead',
        ExitCode: exitCode,
        Error: '',
        ...(health === null ? {} : { Health: { Status: health, FailingStreak: 0, Log: [] } }),
      },
      Config: { User: image.user, ...config },
      HostConfig: HostConfig ?? {},
      NetworkSettings: { Networks: NetworkingConfig ?? {} },
    },
  }
}

function logs({ log }: FakeContainer): EngineReply {
  const body = Buffer.concat(log.map(({ stream, text }) => frame(stream === 'stdout' ? 1 : 2, text)))
  return { status: 200, body, contentType: 'application/vnd.docker.multiplexed-stream' }
}

/** Docker's framing of two streams in one. */
export function frame(stream: 1 | 2, text: string): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

function create(state: EngineState, call: EngineCall): EngineReply {
  const name = call.query.get('name') ?? ''
  const body = call.json as Readonly<Record<string, unknown>> | undefined
  if (body === undefined) return fault(400, 'invalid JSON')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return fault(400, `Invalid container name (${name})`)
  const reference = typeof body['Image'] === 'string' ? body['Image'] : ''
  const image = state.image(reference)
  if (image === undefined) return fault(404, `No such image: ${tagged(reference)}`)
  const taken = state.containers.get(name)
  if (taken !== undefined) {
    return fault(
      409,
      `Conflict. The container name "/${name}" is already in use by container "${taken.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    )
  }
  const container = state.addContainer(name, { image: reference, body })
  for (const volume of state.volumesOf(container)) state.volumes.add(volume)
  return { status: 201, json: { Id: container.id, Warnings: [] } }
}

function start(state: EngineState, _call: EngineCall, container: FakeContainer): EngineReply {
  if (container.status === 'running') return empty(304)
  const host = container.body['HostConfig'] as { readonly NetworkMode?: string } | undefined
  const network = host?.NetworkMode ?? 'bridge'
  if (!state.networks.has(network)) return fault(404, `network ${network} not found`)
  state.start(container)
  return empty(204)
}

function stop(_state: EngineState, _call: EngineCall, container: FakeContainer): EngineReply {
  if (container.status !== 'running') return empty(304)
  container.status = 'exited'
  container.health = null
  return empty(204)
}

function remove(state: EngineState, call: EngineCall, container: FakeContainer): EngineReply {
  const isForced = ['1', 'true'].includes(call.query.get('force') ?? '')
  if (container.status === 'running' && !isForced) {
    return fault(409, `cannot remove container "/${container.name}": container is running`)
  }
  state.containers.delete(container.name)
  return empty(204)
}

function putArchive(_state: EngineState, call: EngineCall, container: FakeContainer): EngineReply {
  const path = call.query.get('path') ?? ''
  const host = container.body['HostConfig'] as { readonly ReadonlyRootfs?: boolean } | undefined
  if (host?.ReadonlyRootfs === true) return fault(403, 'container rootfs is marked read-only')
  const found = container.files.resolve(path)
  if (found === undefined) return fault(404, `Could not find the file ${path} in container ${container.id}`)
  if (found.kind !== 'directory') return fault(400, 'extraction point is not a directory')
  container.files.unpack(path, call.body)
  return empty(200)
}

function getArchive(_state: EngineState, call: EngineCall, container: FakeContainer): EngineReply {
  const path = call.query.get('path') ?? ''
  const found = container.files.get(path)
  if (found === undefined) return fault(404, `Could not find the file ${path} in container ${container.id}`)
  const name = path.split('/').findLast((each) => each !== '') ?? '/'
  const stat = { name, size: found.content.length, mode: found.mode, linkTarget: found.target }
  return {
    status: 200,
    body: container.files.pack(path),
    contentType: 'application/x-tar',
    headers: { 'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(stat)).toString('base64') },
  }
}

function createExec(state: EngineState, call: EngineCall, container: FakeContainer): EngineReply {
  if (container.status !== 'running') return fault(409, `container ${container.id} is not running`)
  const body = call.json as { readonly Cmd?: readonly string[]; readonly User?: string } | undefined
  if (body?.Cmd === undefined) return fault(400, 'no exec command specified')
  const { id } = state.addExec(container, body.Cmd, body.User ?? container.image.user)
  return { status: 201, json: { Id: id } }
}

function startExec(state: EngineState, _call: EngineCall, [id = '']: readonly string[]): EngineReply {
  const exec = state.execs.get(id)
  if (exec === undefined) return fault(404, `No such exec instance: ${id}`)
  const { stdout = '', stderr = '' } = state.run(exec)
  const frames = [...(stdout === '' ? [] : [frame(1, stdout)]), ...(stderr === '' ? [] : [frame(2, stderr)])]
  return {
    status: 200,
    body: Buffer.concat(frames),
    contentType: 'application/vnd.docker.raw-stream',
    untilClose: true,
  }
}

function inspectExec(state: EngineState, _call: EngineCall, [id = '']: readonly string[]): EngineReply {
  const exec = state.execs.get(id)
  if (exec === undefined) return fault(404, `No such exec instance: ${id}`)
  return {
    status: 200,
    json: { ID: id, Running: false, ExitCode: exec.exitCode, ContainerID: exec.container.id },
  }
}

function createVolume(state: EngineState, call: EngineCall): EngineReply {
  const name = (call.json as { readonly Name?: string } | undefined)?.Name ?? ''
  state.volumes.add(name)
  return { status: 201, json: volume(name) }
}

function inspectVolume(state: EngineState, _call: EngineCall, [name = '']: readonly string[]): EngineReply {
  if (!state.volumes.has(name)) return fault(404, `get ${name}: no such volume`)
  return { status: 200, json: volume(name) }
}

function volume(name: string): unknown {
  return { Name: name, Driver: 'local', Mountpoint: `/var/lib/docker/volumes/${name}/_data`, Labels: {} }
}

function removeVolume(state: EngineState, _call: EngineCall, [name = '']: readonly string[]): EngineReply {
  if (!state.volumes.has(name)) return fault(404, `get ${name}: no such volume`)
  const user = [...state.containers.values()].find((each) => state.volumesOf(each).includes(name))
  if (user !== undefined) return fault(409, `remove ${name}: volume is in use - [${user.id}]`)
  state.volumes.delete(name)
  return empty(204)
}

function inspectNetwork(state: EngineState, _call: EngineCall, [name = '']: readonly string[]): EngineReply {
  if (!state.networks.has(name)) return fault(404, `network ${name} not found`)
  return { status: 200, json: { Name: name, Driver: 'bridge' } }
}

function pull(state: EngineState, call: EngineCall): EngineReply {
  const image = call.query.get('fromImage') ?? ''
  const tag = call.query.get('tag') ?? ''
  const reference = tagged(tag === '' ? image : `${image}:${tag}`)
  const options = state.registry.get(reference)
  if (options === undefined) return fault(404, `manifest for ${reference} not found: manifest unknown`)
  state.addImage(reference, options)
  const line = (value: unknown): string => `${JSON.stringify(value)}\r\n`
  return {
    status: 200,
    lines: [
      line({ status: `Pulling from ${image}`, id: reference.split(':').at(-1) }),
      line({ status: 'Downloading', progressDetail: { current: 1, total: 2 }, id: 'aaaaaaaaaaaa' }),
      line({ status: 'Pull complete', progressDetail: {}, id: 'aaaaaaaaaaaa' }),
      line({ status: `Status: Downloaded newer image for ${reference}` }),
    ],
  }
}

function inspectImage(state: EngineState, _call: EngineCall, [name = '']: readonly string[]): EngineReply {
  const image = state.image(name)
  if (image === undefined) return fault(404, `No such image: ${tagged(name)}`)
  const { id, reference, sizeBytes, user } = image
  return { status: 200, json: { Id: id, RepoTags: [reference], Size: sizeBytes, Config: { User: user } } }
}

function removeImage(state: EngineState, _call: EngineCall, [name = '']: readonly string[]): EngineReply {
  const image = state.image(name)
  if (image === undefined) return fault(404, `No such image: ${tagged(name)}`)
  const user = [...state.containers.values()].find((each) => isOf(each, image))
  if (user !== undefined) {
    return fault(
      409,
      `conflict: unable to remove repository reference "${name}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image`,
    )
  }
  state.images.delete(image.reference)
  return { status: 200, json: [{ Untagged: image.reference }, { Deleted: image.id }] }
}

function isOf(container: FakeContainer, image: FakeImage): boolean {
  return container.image.id === image.id
}
