/**
 * What a row works with: the gateway under test (an address and its key), the stand-ins, and fresh things.
 * Every app id, client address and session is used by one row only, so rows cannot disturb each other, and a
 * suite can run again at once against a gateway that remembers the last run.
 */
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import type { ExAppRequest, FakeExApp } from '../support/fake-exapp.ts'
import type {
  FakeApp,
  FakeAppRecord,
  FakeNextcloud,
  FakeRoute,
  FakeUser,
  NextcloudCall,
} from '../support/fake-nextcloud.ts'
import type { FrpcOptions } from '../support/frpc-options.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { type HeaderLine, headerValues } from '../support/http1-wire.ts'
import {
  type Endpoint,
  exchange,
  RawConnection,
  type RawOutcome,
  type RawRequest,
} from '../support/raw-http.ts'

export interface SceneSettings {
  readonly target: Endpoint
  readonly key: string
  readonly blacklistCount: number
  readonly sessionLifetimeMs: number
  readonly nextcloud: FakeNextcloud
  readonly exapp: FakeExApp
  /** Where and how an frpc reaches the gateway; rows with `needsTunnels` run only where it is known. */
  readonly tunnels?: TunnelAccess
  /** Present when the gateway is our own child process. */
  readonly gateway?: GatewayProcess
}

export type TunnelAccess = Pick<FrpcOptions, 'server' | 'tls'>

export interface AppOptions extends Omit<FakeApp, 'record'> {
  readonly routes?: readonly FakeRoute[]
  readonly record?: Partial<FakeAppRecord>
  /** Nextcloud does not know it. */
  readonly unknown?: boolean
}

export const publicRoute: FakeRoute = route('^/public', 0)
/** The routes of the contract's app `foo`. */
export const contractRoutes: readonly FakeRoute[] = [
  publicRoute,
  route('^/bp', 0, [401, 418]),
  route('^/user', 1),
  route('^/admin', 2),
  route('^$', 0),
]
export const alice: FakeUser = { userId: 'alice', accessLevel: 1 }
export const admin: FakeUser = { userId: 'admin', accessLevel: 2 }

export function route(url: string, level: number, bruteforce: readonly number[] = []): FakeRoute {
  return { url, access_level: level, bruteforce_protection: bruteforce }
}

export class Scene {
  readonly settings: SceneSettings
  readonly nextcloud: FakeNextcloud
  readonly exapp: FakeExApp
  readonly blacklistCount: number
  /** The header line with the right key. */
  readonly keyed: HeaderLine

  constructor(settings: SceneSettings) {
    this.settings = settings
    this.nextcloud = settings.nextcloud
    this.exapp = settings.exapp
    this.blacklistCount = settings.blacklistCount
    this.keyed = ['harp-shared-key', settings.key]
  }

  get target(): Endpoint {
    return this.settings.target
  }

  newClient(): TestClient {
    return new TestClient(this, newAddress(), undefined)
  }

  /** A client that is a TCP peer of its own and names no forwarded address. */
  newPeer(): TestClient {
    const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`
    return new TestClient(this, address, address)
  }

  /** An id Nextcloud has never heard of. */
  newAppId(): string {
    return `app${randomBytes(5).toString('hex')}`
  }

  newApp(options: AppOptions = {}): TestApp {
    const { routes, record, unknown, ...answers } = options
    const id = this.newAppId()
    const whole: FakeAppRecord = {
      exapp_token: 'TOK',
      exapp_version: '1.2.3',
      host: this.exapp.host,
      port: this.exapp.port,
      routes: routes ?? contractRoutes,
      ...record,
    }
    if (unknown !== true) this.nextcloud.setApp(id, { record: whole, ...answers })
    return new TestApp(this, id, whole)
  }

  /** The Cookie line of a fresh session of this user, or of one that user-info answers with a status. */
  newSession(user: FakeUser | number): HeaderLine {
    const value = randomBytes(12).toString('hex')
    this.nextcloud.setSession(value, user)
    return ['Cookie', `oc_sessionPassphrase=${value}`]
  }

  /** The Authorization line of a fresh app password of this user. */
  newBasic(user: FakeUser | number): HeaderLine {
    const value = `Basic ${Buffer.from(`user:${randomBytes(9).toString('hex')}`).toString('base64')}`
    this.nextcloud.setAuthorization(value, user)
    return ['Authorization', value]
  }

  /** The AppAPI header set for an app; null leaves one out. */
  signed(app: TestApp, changes: Readonly<Record<string, string | null>> = {}): HeaderLine[] {
    const lines: Record<string, string | null> = {
      'AA-VERSION': '34.0.0',
      'EX-APP-ID': app.id,
      'EX-APP-VERSION': '9.9.9',
      'AUTHORIZATION-APP-API': Buffer.from(`alice:${app.record.exapp_token}`).toString('base64'),
      'AA-REQUEST-ID': 'CLI',
      'harp-shared-key': this.settings.key,
      'ex-app-host': this.exapp.host,
      'ex-app-port': String(this.exapp.port),
      ...changes,
    }
    return Object.entries(lines).flatMap(([name, value]): HeaderLine[] =>
      value === null ? [] : [[name, value]],
    )
  }

  get tunnels(): TunnelAccess {
    assert.ok(this.settings.tunnels !== undefined, 'this row needs the address for tunnels')
    return this.settings.tunnels
  }

  /** Our own gateway process, for rows that only run against one. */
  get gateway(): GatewayProcess {
    assert.ok(this.settings.gateway !== undefined, 'this row needs a gateway that the suite started')
    return this.settings.gateway
  }
}

export class TestApp {
  readonly id: string
  readonly record: FakeAppRecord
  readonly #scene: Scene

  constructor(scene: Scene, id: string, record: FakeAppRecord) {
    this.#scene = scene
    this.id = id
    this.record = record
  }

  path(rest: string): string {
    return `/exapps/${this.id}${rest}`
  }

  /** What reached the ExApp, found by the EX-APP-ID line. */
  received(): ExAppRequest[] {
    return this.#scene.exapp.requests((each) =>
      headerValues(each.headers, 'ex-app-id').some((value) => value.toLowerCase() === this.id),
    )
  }

  metaCalls(): NextcloudCall[] {
    return this.#scene.nextcloud.calls({ endpoint: 'exapp-meta', appId: this.id })
  }

  userCalls(): NextcloudCall[] {
    return this.#scene.nextcloud.calls({ endpoint: 'user-info', appId: this.id })
  }
}

/** One client address; every request comes on a connection of its own. */
export class TestClient {
  readonly address: string
  readonly endpoint: Endpoint
  readonly #scene: Scene
  readonly #forwards: boolean

  constructor(scene: Scene, address: string, localAddress: string | undefined) {
    this.#scene = scene
    this.address = address
    this.#forwards = localAddress === undefined
    this.endpoint = localAddress === undefined ? scene.target : { ...scene.target, localAddress }
  }

  get(target: string, headers: readonly HeaderLine[] = []): Promise<RawOutcome> {
    return this.send({ target, headers })
  }

  send(request: RawRequest, timeoutMs?: number): Promise<RawOutcome> {
    return exchange(this.endpoint, this.prepare(request), timeoutMs)
  }

  open(): Promise<RawConnection> {
    return RawConnection.open(this.endpoint)
  }

  /** The request with this client's address, unless it names one itself. */
  prepare(request: RawRequest): RawRequest {
    const headers = request.headers ?? []
    if (!this.#forwards || headerValues(headers, 'x-forwarded-for').length > 0) return request
    return { ...request, headers: [...headers, ['X-Forwarded-For', this.address]] }
  }

  /** A request that always counts as one failure. */
  fail(): Promise<RawOutcome> {
    return this.get('/nothing')
  }

  /**
   * How many failures the gateway has recorded for this address: what is missing to the ban limit is counted
   * in failing requests that are still answered. Leaves the address banned.
   */
  async failures(): Promise<number> {
    const limit = this.#scene.blacklistCount
    for (let answered = 0; answered <= limit; answered += 1) {
      const outcome = await this.fail()
      if (outcome.kind === 'drop') return limit - answered
      assert.ok(
        outcome.kind === 'response' && outcome.response.status === 404,
        'a failing request is 404 or dropped',
      )
    }
    throw new Error(`${limit + 1} failing requests in a row were answered: this address cannot be banned`)
  }
}

/** An address nobody else uses: from the shared address space, which no trusted network covers. */
export function newAddress(): string {
  return `100.${randomInt(64, 128)}.${randomInt(0, 256)}.${randomInt(1, 255)}`
}
