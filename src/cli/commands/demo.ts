import { join } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import { createLogger, type Logger } from '../../base/logger.ts'
import { startDemo, type DemoGateway, type DemoGatewaySettings } from '../../demo/demo.ts'
import { ControlClient, parseConfig, startGateway, systemFiles } from '../../gateway/index.ts'
import { parseHostPort } from '../../net/address.ts'
import { printError, printLine } from '../output.ts'
import { openDemoTunnel, valueOf } from './demo-tunnel.ts'

export interface DemoCommandOptions {
  readonly port: string | undefined
  readonly version: string
}

/** Longer than a start takes on most machines. */
const patienceMs = 1_500

/** `harp demo`: runs until it is interrupted. */
export async function runDemo(options: DemoCommandOptions): Promise<void> {
  // An interruption during the start counts too: it is remembered until there is something to stop.
  const { promise: stopAsked, resolve: askStop } = Promise.withResolvers<undefined>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => askStop(undefined))
  const log = createLogger('warn')
  const port = options.port === undefined ? undefined : parsePort(options.port)
  const patience = setTimeout(() => printError("Making keys for the tunnel's certificates …"), patienceMs)
  const demo = await startDemo({
    log,
    ...(port === undefined ? {} : { preferredPort: port }),
    startGateway: (settings) => startDemoGateway(settings, log, options.version),
  }).finally(() => clearTimeout(patience))
  printLine(demo.url)
  for (const note of demo.notes) printLine(note)
  await stopAsked
  await demo.stop()
}

/** The real gateway on free loopback ports, with mutual TLS for its tunnels and tokens instead of the shared key. */
export async function startDemoGateway(
  settings: DemoGatewaySettings,
  log: Logger,
  version: string,
): Promise<DemoGateway> {
  const { directory } = settings
  const { config, problems } = parseConfig(
    {
      HP_SHARED_KEY: settings.sharedKey,
      NC_INSTANCE_URL: settings.nextcloudUrl,
      HP_TRUSTED_PROXY_IPS: settings.trustedProxies,
      HP_EXAPPS_ADDRESS: '127.0.0.1:0',
      HP_EXAPPS_HTTPS_ADDRESS: '127.0.0.1:0',
      HP_FRP_ADDRESS: '127.0.0.1:0',
      HP_TIMEOUT_CONNECT: '5s',
      HARP_FRP_REQUIRE_TOKENS: 'all',
      HARP_DOCKER_SOCKET: 'off',
      HARP_ADMIN_ADDRESS: 'off',
      HARP_CERTS_DIR: join(directory, 'certs'),
      HARP_STATE_DIR: join(directory, 'state'),
      HARP_TIMEOUT_DRAIN: '1s',
    },
    systemFiles,
  )
  if (config === null) {
    throw new HarpError('CONFIG_INVALID', problems.map((each) => `${each.name}: ${each.message}`).join('; '))
  }
  const gateway = await startGateway({ config, log, version })
  const control = new ControlClient(config.stateDir)
  try {
    const tunnelAddress = parseHostPort(valueOf(await control.tunnels()).listening ?? '')
    if (tunnelAddress === undefined) throw new HarpError('LISTEN_FAILED', 'the gateway takes no tunnels')
    return {
      httpAddress: gateway.httpAddress,
      tunnelAddress,
      openTunnel: (tunnel) => openDemoTunnel(tunnel, { control, directory }),
      stop: () => gateway.stop(),
    }
  } catch (error) {
    await gateway.stop()
    throw error
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new HarpError('CONFIG_INVALID', `--port ${text}: not a port number`, {
    fix: 'give a number from 0 (any) to 65535',
  })
}
