/** What is behind a reverse proxy in these tests: the real gateway, a stand-in ExApp and a stand-in Nextcloud. */
import { randomInt } from 'node:crypto'
import type { FakeExApp } from '../support/fake-exapp.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import type { Endpoint } from '../support/raw-http.ts'
import { startStreamingExApp } from './front-checks.ts'
import { documentedTrustedProxies } from './snippets.ts'

/** This many failures ban a client here. */
export const banCount = 3

export class Backstage {
  readonly app: FakeExApp
  readonly #nextcloud: FakeNextcloud
  #gateway: GatewayProcess

  private constructor(app: FakeExApp, nextcloud: FakeNextcloud, gateway: GatewayProcess) {
    this.app = app
    this.#nextcloud = nextcloud
    this.#gateway = gateway
  }

  /** The app is `foo` with the one public route `^/public`. */
  static async start(): Promise<Backstage> {
    const app = await startStreamingExApp()
    const nextcloud = await FakeNextcloud.start()
    nextcloud.setApp('foo', recordOf(app.port))
    const gateway = await GatewayProcess.start(nextcloud.url, {
      environment: {
        HP_TRUSTED_PROXY_IPS: documentedTrustedProxies(),
        HP_BLACKLIST_COUNT: String(banCount),
      },
    })
    return new Backstage(app, nextcloud, gateway)
  }

  get port(): number {
    return this.#gateway.port
  }

  /** Resolves with the milliseconds that it took. */
  async stopGateway(): Promise<number> {
    const startedAt = performance.now()
    await this.#gateway.program.stop()
    return performance.now() - startedAt
  }

  /** The same gateway again, on the same port; its memory of bans is new. */
  async restartGateway(): Promise<void> {
    this.#gateway = await GatewayProcess.startIn(this.#gateway.place)
  }

  async stop(): Promise<void> {
    await this.#gateway.stop()
    await this.#nextcloud.stop()
    await this.app.stop()
  }
}

export function recordOf(port: number): Parameters<FakeNextcloud['setApp']>[1] {
  const routes = [{ url: '^/public', access_level: 0, bruteforce_protection: [] }]
  return { record: { exapp_token: 'TOK', exapp_version: '1.2.3', host: '127.0.0.1', port, routes } }
}

/** An address on loopback that no other test uses, so that no ban of one test reaches another. */
export function freshClient(): string {
  return `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`
}

/** The proxy's port, as a client with an address of its own meets it. */
export function clientOf(front: { readonly port: number }, client: string = freshClient()): Endpoint {
  return { host: '127.0.0.1', port: front.port, localAddress: client }
}
