/**
 * A stand-in Kubernetes API server over HTTPS: the objects that ExApps need, with an authority and a service
 * account of its own in files. It checks what it is sent as a strict server does (kubernetes-shapes.ts), refuses as a
 * real one (kubernetes-status.ts), and does what a test tells it to. Checked by kubernetes-simulator.test.ts.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { accessReview } from './kubernetes-shapes.ts'
import {
  type Attempt,
  badRequest,
  forbidden,
  notFound,
  type Refusal,
  statusBody,
  unauthorized,
} from './kubernetes-status.ts'
import { ApiRefusal, type ClusterHabits, groups, KubernetesStore } from './kubernetes-store.ts'
import { makeSelfSigned } from './self-signed.ts'

export interface ApiCall {
  readonly method: string
  readonly target: string
  readonly contentType: string
  readonly token: string
  readonly body: unknown
  /** null: not a call to a resource. */
  readonly attempt: Attempt | null
}

/** What is done instead of the ordinary answer. */
export type Fault =
  | { readonly kind: 'reply'; readonly status: number; readonly body?: string; readonly retryAfter?: string }
  | { readonly kind: 'delay'; readonly until: Promise<unknown> }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }

export interface SimulatedNode {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly addresses: readonly { readonly type: string; readonly address: string }[]
  readonly isReady?: boolean
}

export interface SimulatorOptions extends Partial<ClusterHabits> {
  readonly namespace?: string
  readonly nodes?: readonly SimulatedNode[]
}

const defaultNode: SimulatedNode = {
  name: 'node-1',
  addresses: [
    { type: 'InternalIP', address: '127.0.0.1' },
    { type: 'Hostname', address: 'node-1' },
  ],
}

export class KubernetesSimulator {
  readonly store: KubernetesStore
  readonly calls: ApiCall[] = []
  readonly directory: string
  /** A fault for a call; undefined: none. */
  fault: (call: ApiCall) => Fault | undefined = () => undefined
  nodes: readonly SimulatedNode[]
  #token = ''
  readonly #denied = new Set<string>()
  readonly #server: Server

  private constructor(server: Server, directory: string, options: SimulatorOptions) {
    this.#server = server
    this.directory = directory
    this.nodes = options.nodes ?? [defaultNode]
    this.store = new KubernetesStore(options.namespace ?? 'nextcloud-exapps', {
      clusterIp: options.clusterIp ?? '127.0.0.1',
      firstNodePort: options.firstNodePort ?? 30_500,
      readsUntilIngress: options.readsUntilIngress ?? 1,
      terminatingListings: options.terminatingListings ?? 1,
    })
  }

  static async start(options: SimulatorOptions = {}): Promise<KubernetesSimulator> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-kubernetes-'))
    const { cert, key } = makeSelfSigned({ names: ['127.0.0.1'] })
    await writeFile(join(directory, 'ca.crt'), cert)
    const server = createServer({ cert, key, keepAliveTimeout: 60_000 })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    const simulator = new KubernetesSimulator(server, directory, options)
    await simulator.rotateToken()
    server.on('request', (request, response) => void simulator.#serve(request, response))
    return simulator
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What a gateway needs to use this cluster. */
  get environment(): Readonly<Record<string, string>> {
    return {
      HP_K8S_ENABLED: 'true',
      HP_K8S_API_SERVER: this.url,
      HP_K8S_NAMESPACE: this.store.namespace,
      HP_K8S_CA_FILE: join(this.directory, 'ca.crt'),
      HP_K8S_BEARER_TOKEN_FILE: join(this.directory, 'token'),
    }
  }

  get token(): string {
    return this.#token
  }

  /** The old token is refused from now on. */
  async rotateToken(): Promise<void> {
    this.#token = `eyJ${randomBytes(24).toString('base64url')}`
    await writeFile(join(this.directory, 'token'), `${this.#token}\n`)
  }

  /** `create deployments` */
  deny(...rights: readonly string[]): void {
    for (const right of rights) this.#denied.add(right)
  }

  allow(...rights: readonly string[]): void {
    for (const right of rights) this.#denied.delete(right)
  }

  /** `POST deployments`, `PATCH deployments/nc-app-foo`… as they came, without reviews of access. */
  get history(): string[] {
    return this.calls.flatMap(({ method, attempt }) => {
      if (attempt === null) return []
      const { resource, name } = attempt
      return [name === undefined ? `${method} ${resource}` : `${method} ${resource}/${name}`]
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
    await rm(this.directory, { recursive: true, force: true })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(request)
    this.calls.push(call)
    const fault = this.fault(call)
    switch (fault?.kind) {
      case 'hang':
        return
      case 'reset':
        request.socket.destroy()
        return
      case 'reply':
        if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter)
        response.writeHead(fault.status).end(fault.body ?? '')
        return
      case 'delay':
        await fault.until
        break
      case undefined:
        break
    }
    try {
      const { status, body } = this.#answer(call)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    } catch (error) {
      const refusal = error instanceof ApiRefusal ? error.refusal : serverError(error)
      response.writeHead(refusal.code, { 'content-type': 'application/json' }).end(statusBody(refusal))
    }
  }

  #answer(call: ApiCall): { status: number; body: unknown } {
    if (call.token !== this.#token) throw new ApiRefusal(unauthorized)
    const { pathname, searchParams } = new URL(call.target, 'https://api')
    if (pathname === '/api') return { status: 200, body: { kind: 'APIVersions', versions: ['v1'] } }
    if (pathname === '/version') {
      return { status: 200, body: { major: '1', minor: '34', gitVersion: 'v1.34.1' } }
    }
    if (pathname === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') return this.#review(call)
    const { attempt } = call
    if (attempt === null) throw new ApiRefusal(notFound('', '', pathname))
    if (this.#denied.has(`${attempt.verb} ${attempt.resource}`)) throw new ApiRefusal(forbidden(attempt))
    const { verb, resource, name = '' } = attempt
    if (resource === 'nodes') return { status: 200, body: this.#nodeList(searchParams) }
    if (attempt.namespace !== this.store.namespace) {
      throw new ApiRefusal(notFound('namespaces', '', attempt.namespace ?? ''))
    }
    switch (verb) {
      case 'create':
        requireType(call, 'application/json')
        return { status: 201, body: this.store.create(resource, call.body) }
      case 'patch':
        requireType(call, 'application/strategic-merge-patch+json')
        return { status: 200, body: this.store.patchDeployment(name, call.body) }
      case 'delete':
        return { status: 200, body: this.store.remove(resource, name) }
      case 'list': {
        const items = this.store.list(resource, selectorOf(searchParams.get('labelSelector')))
        return { status: 200, body: { kind: 'List', metadata: {}, items } }
      }
      default:
        return { status: 200, body: this.store.read(resource, name) }
    }
  }

  #review({ body }: ApiCall): { status: number; body: unknown } {
    const parsed = accessReview.safeParse(body)
    if (!parsed.success) throw new ApiRefusal(badRequest(parsed.error.message))
    const { verb, resource, group } = parsed.data.spec.resourceAttributes
    const isKnown = group === (groups[resource] ?? '')
    const allowed = isKnown && !this.#denied.has(`${verb} ${resource}`)
    return { status: 201, body: { ...parsed.data, status: { allowed } } }
  }

  #nodeList(query: URLSearchParams): unknown {
    const wanted = selectorOf(query.get('labelSelector'))
    const name = query.get('fieldSelector')?.replace(/^metadata\.name=/, '')
    const items = this.nodes
      .filter((node) => name === undefined || node.name === name)
      .filter(({ labels }) => [...wanted].every(([label, value]) => labels?.[label] === value))
      .map(({ name: nodeName, labels, addresses, isReady = true }) => ({
        metadata: { name: nodeName, labels },
        status: { addresses, conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
      }))
    return { kind: 'NodeList', metadata: {}, items }
  }
}

async function readCall(request: IncomingMessage): Promise<ApiCall> {
  const { method = '', url: target = '', headers } = request
  const body = await readText(request)
  const path = new URL(target, 'https://api').pathname
  const [, group = '', namespace, resource, name] =
    /^\/(?:api\/v1|apis\/([a-z]+)\/v1)(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?$/.exec(path) ?? []
  const verbs: Readonly<Record<string, string>> = {
    POST: 'create',
    PATCH: 'patch',
    DELETE: 'delete',
    GET: name === undefined ? 'list' : 'get',
  }
  const verb = verbs[method] ?? ''
  return {
    method,
    target,
    contentType: headers['content-type'] ?? '',
    token: (headers.authorization ?? '').replace(/^Bearer /, ''),
    body: body === '' ? undefined : JSON.parse(body),
    attempt: resource === undefined ? null : { verb, resource, group, namespace, name },
  }
}

function requireType({ contentType }: ApiCall, wanted: string): void {
  if (contentType === wanted) return
  const message = `the body of the request was in an unknown format - accepted media types include: ${wanted}`
  throw new ApiRefusal({ code: 415, reason: 'UnsupportedMediaType', message })
}

function selectorOf(text: string | null): Map<string, string> {
  const parts = (text ?? '').split(',').filter((part) => part !== '')
  return new Map(
    parts.map((part) => {
      const [name = '', value = ''] = part.split('=')
      return [name, value]
    }),
  )
}

function serverError(error: unknown): Refusal {
  return { code: 500, reason: 'InternalError', message: String(error) }
}
