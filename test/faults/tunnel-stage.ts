/**
 * What a fault test plays on: a gateway that can be killed and comes back in the same place, an app, and tunnel
 * clients (ours as a process, or the stand-in) that reach the gateway over whatever port the test gives them.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../support/deadline.ts'
import { FakeExApp } from '../support/fake-exapp.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import type { FrpcOptions, FrpcTls } from '../support/frpc-options.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import {
  type Environment,
  GatewayProcess,
  type GatewayPlace,
  HarpProcess,
  prepareGatewayPlace,
} from '../support/gateway-process.ts'
import { exchange, RawConnection, type Endpoint, type RawOutcome } from '../support/raw-http.ts'

export interface TunnelStageOptions {
  /** Mutual TLS between gateway and clients; off without it. */
  readonly tls?: boolean
  readonly environment?: Environment
}

export interface ClientOptions {
  /** The gateway's own unless given. */
  readonly serverPort?: number
  readonly name?: string
  readonly remotePort?: number
  readonly localPort?: number
  /** Lines for the top of the file. */
  readonly config?: string
}

export class TunnelStage {
  readonly nextcloud: FakeNextcloud
  readonly place: GatewayPlace
  readonly app: FakeExApp
  readonly hasTls: boolean
  readonly #closers: (() => unknown)[] = []
  gateway: GatewayProcess
  #files = 0

  private constructor(nextcloud: FakeNextcloud, gateway: GatewayProcess, app: FakeExApp, hasTls: boolean) {
    this.nextcloud = nextcloud
    this.gateway = gateway
    this.place = gateway.place
    this.app = app
    this.hasTls = hasTls
  }

  static async open(options: TunnelStageOptions = {}): Promise<TunnelStage> {
    const { tls = false, environment = {} } = options
    const nextcloud = await FakeNextcloud.start()
    const app = await FakeExApp.start()
    const place = await prepareGatewayPlace(nextcloud.url, {
      environment: {
        HP_FRP_DISABLE_TLS: tls ? 'false' : 'true',
        HP_BLACKLIST_COUNT: '1000000',
        HP_TRUSTED_PROXY_IPS: '127.0.0.0/8',
        HP_LOG_LEVEL: 'info',
        HARP_DOCKER_SOCKET: 'off',
        ...environment,
      },
    })
    const stage = new TunnelStage(nextcloud, await GatewayProcess.startIn(place), app, tls)
    if (tls) await stage.clientTls()
    return stage
  }

  get pid(): number {
    return this.gateway.program.pid
  }

  get endpoint(): Endpoint {
    return { host: '127.0.0.1', port: this.place.ports.http }
  }

  /** Makes an app known to Nextcloud and gives its path at the gateway. */
  addApp(name: string, port: number): string {
    this.nextcloud.setApp(name, {
      record: {
        exapp_token: 'TOK',
        exapp_version: '1',
        host: '127.0.0.1',
        port,
        routes: [{ url: '.*', access_level: 0, bruteforce_protection: [] }],
      },
    })
    return `/exapps/${name}`
  }

  /** The client files that the gateway made. */
  async clientTls(): Promise<FrpcTls> {
    const read = (name: string): Promise<string> =>
      eventually(
        name,
        () => readFile(join(this.place.certsDir, 'frp', name), 'utf8').catch(() => undefined),
        { timeoutMs: 20_000 },
      )
    const [ca, cert, key] = await Promise.all([read('ca.crt'), read('client.crt'), read('client.key')])
    return { ca, cert, key, serverName: 'harp.nc' }
  }

  /** Our client as a process of its own; it ends with the stage. */
  async startClient(options: ClientOptions = {}): Promise<HarpProcess> {
    const file = join(this.place.directory, `frpc-${(this.#files += 1)}.toml`)
    await writeFile(file, this.#configFile(options))
    const client = new HarpProcess(['tunnel', '-c', file], {})
    this.own(() => {
      client.signal('SIGKILL')
      return client.waitForExit()
    })
    return client
  }

  /** The stand-in's options for this gateway. */
  async standInOptions(
    options: ClientOptions & Partial<Omit<FrpcOptions, 'proxies'>> = {},
  ): Promise<FrpcOptions> {
    const { serverPort = this.place.ports.frp, name = 'app', remotePort = 23_001, ...rest } = options
    const { localPort = this.app.port, config: _, ...others } = rest
    return {
      server: { host: '127.0.0.1', port: serverPort },
      token: 'sekret',
      tls: this.hasTls ? await this.clientTls() : 'off',
      proxies: [{ name, remotePort, target: { port: localPort } }],
      ...others,
    }
  }

  async standIn(options: ClientOptions & Partial<Omit<FrpcOptions, 'proxies'>> = {}): Promise<FrpcStandIn> {
    const client = FrpcStandIn.connect(await this.standInOptions(options))
    this.own(() => client.stop())
    return client
  }

  /** SIGKILL; everything it had is gone when this resolves. */
  async killGateway(): Promise<void> {
    this.gateway.program.signal('SIGKILL')
    await this.gateway.program.waitForExit()
  }

  async restartGateway(): Promise<void> {
    this.gateway = await GatewayProcess.startIn(this.place)
  }

  send(target: string, timeoutMs: number = 10_000): Promise<RawOutcome> {
    return exchange(this.endpoint, { target }, timeoutMs)
  }

  connect(): Promise<RawConnection> {
    return RawConnection.open(this.endpoint)
  }

  /** Asks again and again until the app answers; gives the milliseconds since `startedAt`. */
  async untilServed(
    path: string,
    startedAt: number = performance.now(),
    timeoutMs = 30_000,
  ): Promise<number> {
    await eventually(`${path} to be served`, async () => ((await this.isServed(path)) ? true : undefined), {
      timeoutMs,
      everyMs: 25,
    })
    return performance.now() - startedAt
  }

  async isServed(path: string): Promise<boolean> {
    try {
      const outcome = await this.send(`${path}/ping`, 2_000)
      return outcome.kind === 'response' && outcome.response.status === 200
    } catch {
      return false
    }
  }

  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.place.ports.admin}/metrics`)
    const line = (await response.text()).split('\n').find((each) => each.startsWith(`${name} `))
    return Number(line?.split(' ')[1] ?? Number.NaN)
  }

  own(close: () => unknown): void {
    this.#closers.push(close)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.toReversed()) await close()
    await this.app.stop()
    await this.gateway.program.stop()
    await this.nextcloud.stop()
    await rm(this.place.directory, { recursive: true, force: true })
  }

  #configFile(options: ClientOptions): string {
    const { serverPort = this.place.ports.frp, name = 'app', remotePort = 23_001, config = '' } = options
    const frp = join(this.place.certsDir, 'frp')
    const tls = this.hasTls
      ? `transport.tls.certFile = "${frp}/client.crt"
transport.tls.keyFile = "${frp}/client.key"
transport.tls.trustedCaFile = "${frp}/ca.crt"
transport.tls.serverName = "harp.nc"`
      : 'transport.tls.enable = false'
    return `serverAddr = "127.0.0.1"
serverPort = ${serverPort}
loginFailExit = false
metadatas.token = "sekret"
${tls}
${config}
[[proxies]]
name = "${name}"
type = "tcp"
remotePort = ${remotePort}
localPort = ${options.localPort ?? this.app.port}
`
  }
}
