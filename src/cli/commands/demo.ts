import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import { createLogger, type Logger } from '../../base/logger.ts'
import { startDemo, type DemoGateway, type DemoGatewaySettings } from '../../demo/demo.ts'
import { parseConfig, startGateway, systemFiles } from '../../gateway/index.ts'
import { printLine } from '../output.ts'

export interface DemoCommandOptions {
  readonly port: string | undefined
  readonly version: string
}

/** `harp demo`: runs until it is interrupted. */
export async function runDemo(options: DemoCommandOptions): Promise<void> {
  const log = createLogger('warn')
  const port = options.port === undefined ? undefined : parsePort(options.port)
  const demo = await startDemo({
    log,
    ...(port === undefined ? {} : { preferredPort: port }),
    startGateway: (settings) => startDemoGateway(settings, log, options.version),
  })
  printLine(demo.url)
  for (const note of demo.notes) printLine(note)
  const { promise: stopAsked, resolve: askStop } = Promise.withResolvers<undefined>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => askStop(undefined))
  await stopAsked
  await demo.stop()
}

/** The real gateway on free loopback ports, with directories of its own that go when it stops. */
export async function startDemoGateway(
  settings: DemoGatewaySettings,
  log: Logger,
  version: string,
): Promise<DemoGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'harp-demo-'))
  const release = (): Promise<void> => rm(directory, { recursive: true, force: true })
  try {
    const { config, problems } = parseConfig(
      {
        HP_SHARED_KEY: settings.sharedKey,
        NC_INSTANCE_URL: settings.nextcloudUrl,
        HP_TRUSTED_PROXY_IPS: settings.trustedProxies,
        HP_EXAPPS_ADDRESS: '127.0.0.1:0',
        HP_EXAPPS_HTTPS_ADDRESS: '127.0.0.1:0',
        HP_FRP_ADDRESS: '127.0.0.1:8782',
        HP_FRP_DISABLE_TLS: 'true',
        HP_TIMEOUT_CONNECT: '5s',
        HARP_ADMIN_ADDRESS: 'off',
        HARP_CERTS_DIR: join(directory, 'certs'),
        HARP_STATE_DIR: join(directory, 'state'),
        HARP_TIMEOUT_DRAIN: '1s',
      },
      systemFiles,
    )
    if (config === null) {
      throw new HarpError(
        'CONFIG_INVALID',
        problems.map((each) => `${each.name}: ${each.message}`).join('; '),
      )
    }
    const gateway = await startGateway({ config, log, version })
    return {
      httpAddress: gateway.httpAddress,
      stop: async () => {
        await gateway.stop()
        await release()
      },
    }
  } catch (error) {
    await release()
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
