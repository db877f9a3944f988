/** What AppAPI sends, in its order and with its headers (section 6 of the specification), to a gateway in front of an engine. */
import { elapse } from '../support/deadline.ts'

export interface AppSpec {
  readonly id: string
  readonly version: string
  /** Without the suffix of a compute device, as in the app's info.xml. */
  readonly image: string
  readonly secret: string
  readonly port: number
  readonly networkMode: string
  readonly frp: { readonly host: string; readonly port: number }
  readonly mounts?: readonly {
    readonly source: string
    readonly target: string
    readonly mode: 'rw' | 'ro'
  }[]
  readonly limits?: { readonly memory: number; readonly nanoCPUs: number }
  readonly certificateBundle?: string
}

export interface AppApiOptions {
  readonly gatewayUrl: string
  readonly key: string
  readonly enginePort: number
  /** As in Nextcloud's setting `docker_api_version`. */
  readonly apiVersion?: string
}

export interface Answer {
  readonly status: number
  readonly text: string
  json(): unknown
}

type Headers = Readonly<Record<string, string>>

const heartbeatTries = 300
const healthTries = 300

export class AppApi {
  readonly #options: AppApiOptions

  constructor(options: AppApiOptions) {
    this.#options = options
  }

  /** A Docker daemon of Nextcloud with another engine or API version. */
  with(changed: Partial<AppApiOptions>): AppApi {
    return new AppApi({ ...this.#options, ...changed })
  }

  /** `GET` of Docker's own API. */
  async engine(path: string): Promise<Answer> {
    return send('GET', this.#enginePath(path), this.#dockerHeaders())
  }

  /** The lines of progress as they come. Throws where the engine refuses. */
  async *pull(image: string): AsyncGenerator<string> {
    const url = this.#enginePath(`images/create?fromImage=${encodeURIComponent(image)}`)
    const headers = { ...this.#dockerHeaders(), connection: 'close' }
    const answer = await fetch(url, { method: 'POST', headers, signal: AbortSignal.timeout(120_000) })
    if (answer.status !== 200 || answer.body === null) {
      throw new PullRefused(answer.status, await answer.text())
    }
    let rest = ''
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.trim() !== '') yield line.trim()
    }
  }

  /** `POST /docker/exapp/{route}` */
  async docker(route: string, body: object): Promise<Answer> {
    // NOTE: PHP writes slashes escaped.
    const json = JSON.stringify(body).replaceAll('/', '\\/')
    const headers = { ...this.#dockerHeaders(), 'content-type': 'application/json' }
    return send('POST', `${this.#control()}/docker/exapp/${route}`, headers, json)
  }

  /** Steps 1 to 8 of a deploy; gives the name of the image that was found. Throws where AppAPI would give up. */
  async deploy(app: AppSpec): Promise<string> {
    const image = await this.#pullFirst([`${app.image}-cpu`, app.image])
    await this.deployPulled(app, image)
    return image
  }

  async deployPulled(app: AppSpec, image: string): Promise<void> {
    const names = { name: app.id, instance_id: '' }
    const found = (await this.#must(200, 'exists', names)) as { readonly exists: boolean }
    if (found.exists) await this.#must(204, 'remove', { ...names, remove_data: false })
    await this.#must(201, 'create', createBody(app, image))
    await this.#must(204, 'install_certificates', {
      ...names,
      system_certs_bundle: app.certificateBundle ?? null,
      install_frp_certs: true,
    })
    await this.#must(204, 'start', names)
    await this.#waitUntilUp(app)
  }

  /** After a deploy, and when an app that was disabled is enabled. */
  async enable(app: AppSpec): Promise<void> {
    await this.docker('start', { name: app.id, instance_id: '' })
    await this.#waitUntilUp(app)
    const answer = await this.call(app, 'PUT', '/enabled?enabled=1')
    if (answer.status !== 200) throw new Error(`enabling: ${answer.status} ${answer.text}`)
    const record = { exapp_token: app.secret, exapp_version: app.version, host: '127.0.0.1', port: app.port }
    const body = JSON.stringify({ ...record, routes: openRoutes })
    const stored = await send('POST', `${this.#control()}/exapp_storage/${app.id}`, this.#keyHeader(), body)
    if (stored.status !== 204) throw new Error(`exapp_storage: ${stored.status} ${stored.text}`)
  }

  async disable(app: AppSpec): Promise<void> {
    await this.call(app, 'PUT', '/enabled?enabled=0')
    await this.docker('stop', { name: app.id, instance_id: '' })
    const gone = await send('DELETE', `${this.#control()}/exapp_storage/${app.id}`, this.#keyHeader())
    if (gone.status !== 204 && gone.status !== 404) throw new Error(`exapp_storage: ${gone.status}`)
  }

  /** A request of Nextcloud to its app. */
  async call(app: AppSpec, method: string, route: string): Promise<Answer> {
    return send(method, `${this.#options.gatewayUrl}/exapps/${app.id}${route}`, {
      ...this.#keyHeader(),
      'aa-version': '34.0.0',
      'ex-app-id': app.id,
      'ex-app-version': app.version,
      'authorization-app-api': Buffer.from(`:${app.secret}`).toString('base64'),
      'aa-request-id': 'CLI',
      'ex-app-host': '127.0.0.1',
      'ex-app-port': String(app.port),
    })
  }

  async #waitUntilUp(app: AppSpec): Promise<void> {
    const names = { name: app.id, instance_id: '' }
    const state = (await this.#must(200, 'wait_for_start', names)) as { readonly started: boolean }
    if (!state.started) throw new Error(`not started: ${JSON.stringify(state)}`)
    await until(healthTries, 'the health check', async () => {
      const seen = await this.engine(`containers/nc_app_${app.id}/json`)
      const { State: inner } = seen.json() as {
        readonly State: { readonly Health?: { readonly Status: string } }
      }
      return ['', 'healthy'].includes(inner.Health?.Status ?? '')
    })
    await until(heartbeatTries, 'the heartbeat', async () => {
      const beat = await this.call(app, 'GET', '/heartbeat')
      return beat.status === 200 && (beat.json() as { readonly status: string }).status === 'ok'
    })
  }

  async #pullFirst(images: readonly string[]): Promise<string> {
    let problem: unknown
    for (const image of images) {
      try {
        for await (const line of this.pull(image)) {
          if (line.includes('"errorDetail"')) throw new Error(line)
        }
        return image
      } catch (error) {
        problem = error
      }
    }
    throw problem
  }

  async #must(status: number, route: string, body: object): Promise<unknown> {
    const answer = await this.docker(route, body)
    if (answer.status === status) return status === 204 ? undefined : answer.json()
    throw new Error(`${route}: ${answer.status} ${answer.text}`)
  }

  #control(): string {
    return `${this.#options.gatewayUrl}/exapps/app_api`
  }

  #enginePath(path: string): string {
    return `${this.#control()}/${this.#options.apiVersion ?? 'v1.44'}/${path}`
  }

  #keyHeader(): Headers {
    return { 'harp-shared-key': this.#options.key }
  }

  #dockerHeaders(): Headers {
    const basic = Buffer.from(`app_api_haproxy_user:${this.#options.key}`).toString('base64')
    return {
      ...this.#keyHeader(),
      'docker-engine-port': String(this.#options.enginePort),
      'user-agent': 'GuzzleHttp/7',
      authorization: `Basic ${basic}`,
    }
  }
}

export class PullRefused extends Error {
  override readonly name = 'PullRefused'
  readonly status: number

  constructor(status: number, text: string) {
    super(`${status} ${text}`)
    this.status = status
  }
}

export const openRoutes = [{ url: '.*', access_level: 0, bruteforce_protection: [] }] as const

/** What `create` gets for an app, with AppAPI's environment in its order. */
export function createBody(app: AppSpec, image: string): object {
  const { id, version, secret, port, frp } = app
  return {
    name: id,
    instance_id: '',
    image_id: image,
    network_mode: app.networkMode,
    environment_variables: [
      'AA_VERSION=34.0.0',
      `APP_SECRET=${secret}`,
      `APP_ID=${id}`,
      'APP_DISPLAY_NAME=Sample app',
      `APP_VERSION=${version}`,
      'APP_HOST=127.0.0.1',
      `APP_PORT=${port}`,
      `APP_PERSISTENT_STORAGE=/nc_app_${id}_data`,
      'NEXTCLOUD_URL=http://127.0.0.1',
      'COMPUTE_DEVICE=CPU',
      `HP_FRP_ADDRESS=${frp.host}`,
      `HP_FRP_PORT=${frp.port}`,
      'HP_SHARED_KEY=sekret',
    ],
    restart_policy: 'unless-stopped',
    compute_device: 'cpu',
    mount_points: app.mounts ?? [],
    start_container: true,
    ...(app.limits === undefined ? {} : { resource_limits: app.limits }),
  }
}

async function until(tries: number, what: string, isDone: () => Promise<boolean>): Promise<void> {
  for (let left = tries; left > 0; left -= 1) {
    if (await isDone()) return
    // AppAPI waits a whole second; nothing depends on it.
    await elapse(200)
  }
  throw new Error(`AppAPI gave up waiting for ${what}`)
}

async function send(method: string, url: string, headers: Headers, body?: string): Promise<Answer> {
  const signal = AbortSignal.timeout(150_000)
  const answer = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) })
  const bytes = Buffer.from(await answer.arrayBuffer())
  return {
    status: answer.status,
    // One character for each byte, so that frames of logs stay what they are.
    text: bytes.toString('latin1'),
    json: () => JSON.parse(bytes.toString()) as unknown,
  }
}
