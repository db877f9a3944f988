import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { Secret } from '../base/secret.ts'
import { formatHostPort, type HostPort } from '../net/address.ts'
import { layCable } from './cable.ts'
import { startFront } from './front.ts'
import { listenOnPath } from './loopback-server.ts'
import { sampleRoutes, startSampleExApp } from './sample-exapp.ts'
import { startStandInNextcloud } from './stand-in-nextcloud.ts'
import { TunnelPanel, type TunnelFacts } from './tunnel-panel.ts'

/**
 * `harp demo`: browser, reverse proxy, gateway, Nextcloud and an app behind a tunnel, on one machine in one process.
 * All but the gateway and the tunnel are stand-ins of this folder; every secret is made anew at each start.
 */
export interface DemoGatewaySettings {
  readonly nextcloudUrl: string
  readonly sharedKey: string
  /**
   * In the syntax of HP_TRUSTED_PROXY_IPS: the front's address. The visitor has the same one, so that the
   * requests which the page gets refused on purpose never end in a ban.
   */
  readonly trustedProxies: string
  /** For certificates and state; it goes when the demo ends. */
  readonly directory: string
}

export interface DemoGateway {
  readonly httpAddress: HostPort
  /** Where tunnels arrive. */
  readonly tunnelAddress: HostPort
  /** Starts the tunnel's client and waits until it is connected. */
  openTunnel(settings: DemoTunnelSettings): Promise<DemoTunnel>
  stop(): Promise<void>
}

export interface DemoTunnelSettings {
  readonly appId: string
  /** The port that Nextcloud has for the app. */
  readonly port: number
  /** The app's Unix socket. */
  readonly socketPath: string
  /** What the client dials to get to the gateway. */
  readonly through: HostPort
}

export interface DemoTunnel {
  /** null: the gateway knows of none. */
  facts(): Promise<TunnelFacts | null>
  stop(): Promise<void>
}

export interface DemoOptions {
  readonly log: Logger
  readonly startGateway: (settings: DemoGatewaySettings) => Promise<DemoGateway>
  readonly preferredPort?: number
}

export interface Demo {
  readonly url: string
  /** What to try, one line each; a busy port is named first. */
  readonly notes: readonly string[]
  stop(): Promise<void>
}

const defaultPort = 8090
const portsToTry = 10
const appId = 'demo'
/** One that AppAPI gives to apps. Nothing listens on it: the gateway leads what is for it into the tunnel. */
const appPort = 23_999
/** Long enough to be seen on the page. */
const cutMs = 1_500

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const running: { stop(): Promise<void> }[] = []
  const directory = await mkdtemp(join(tmpdir(), 'harp-demo-'))
  const stop = async (): Promise<void> => {
    // From the browser's side inwards, so that nobody asks a part that is gone.
    const stopped = running
      .splice(0)
      .toReversed()
      .map((part) => part.stop())
    await Promise.all(stopped)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const token = randomBytes(32).toString('base64url')
    const sharedKey = randomBytes(32).toString('base64url')
    const socketPath = join(directory, 'exapp.sock')
    const app = await startSampleExApp({
      listen: (server) => listenOnPath(server, socketPath),
      secret: new Secret(token),
      clock: systemClock,
      log: options.log.child('sample-exapp'),
    })
    running.push(app)
    const record = {
      host: '127.0.0.1',
      port: appPort,
      exapp_token: token,
      exapp_version: '1.0.0',
      routes: sampleRoutes,
    }
    const nextcloud = await startStandInNextcloud({
      sharedKey: new Secret(sharedKey),
      apps: new Map([[appId, record]]),
      now: () => systemClock.monotonic(),
      log: options.log.child('stand-in-nextcloud'),
    })
    running.push(nextcloud)
    const gateway = await options.startGateway({
      nextcloudUrl: `http://${formatHostPort(nextcloud.server.address)}`,
      sharedKey,
      trustedProxies: '127.0.0.1',
      directory,
    })
    running.push(gateway)
    const cable = await layCable({ to: gateway.tunnelAddress, cutMs, clock: systemClock })
    running.push(cable)
    const tunnel = await gateway.openTunnel({ appId, port: appPort, socketPath, through: cable.address })
    running.push(tunnel)
    const front = await startFront({
      gateway: gateway.httpAddress,
      nextcloud: nextcloud.server.address,
      tunnel: new TunnelPanel({ cable, facts: () => tunnel.facts(), log: options.log.child('panel') }),
      ports: portList(options.preferredPort ?? defaultPort),
      log: options.log.child('front'),
    })
    running.push(front)
    const url = `http://${formatHostPort(front.address)}/`
    return { url, notes: notesFor(url, front.address.port, front.busyPorts), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The wanted port, its neighbours, then whatever is free. */
function portList(first: number): number[] {
  if (first === 0) return [0]
  const near = Array.from({ length: portsToTry }, (_, index) => first + index)
  return [...near.filter((port) => port > 0 && port <= 65_535), 0]
}

function notesFor(url: string, port: number, busyPorts: readonly number[]): string[] {
  const notes = [
    `Open ${url} and sign in as alice or admin with one click, or stay anonymous.`,
    'The page sends HTTP, Server-Sent Events and WebSockets through the gateway to an app, at each access level.',
    'The app has no open port: a tunnel with mutual TLS leads to it. Cut the tunnel on the page, and see it heal.',
    'Open it in two windows with different people and chat.',
    `Without a browser: curl -i ${url}exapps/demo/user/hello, then the same with -u alice:alice`,
  ]
  if (busyPorts.length === 0) return notes
  const taken = busyPorts.length === 1 ? `Port ${busyPorts[0]} is` : `Ports ${busyPorts.join(', ')} are`
  return [`${taken} busy, so the demo took port ${port}.`, ...notes]
}
