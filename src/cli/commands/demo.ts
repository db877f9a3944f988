import { createLogger } from '../../base/logger.ts'
import { startDemo } from '../../demo/demo.ts'
import { parseConfig, startGateway, systemFiles } from '../../gateway/index.ts'
import { printLine } from '../output.ts'

/** `harp demo`: runs until it is interrupted. */
export async function runDemo(options: { port: string | undefined; version: string }): Promise<void> {
  const log = createLogger('warn')
  const demo = await startDemo({
    log,
    ...(options.port === undefined ? {} : { preferredPort: Number(options.port) }),
    startGateway: async (settings) => {
      const { config, problems } = parseConfig(
        {
          HP_SHARED_KEY: settings.sharedKey,
          NC_INSTANCE_URL: settings.nextcloudUrl,
          HP_TRUSTED_PROXY_IPS: settings.trustedProxies,
          HP_EXAPPS_ADDRESS: '127.0.0.1:0',
          HP_FRP_ADDRESS: '127.0.0.1:8782',
          HP_FRP_DISABLE_TLS: 'true',
          HARP_ADMIN_ADDRESS: 'off',
        },
        systemFiles,
      )
      if (config === null) throw new Error(problems.map((each) => `${each.name}: ${each.message}`).join('; '))
      return startGateway({ config, log, version: options.version })
    },
  })
  printLine(demo.url)
  for (const note of demo.notes) printLine(note)
  const stop = (): void => void demo.stop()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}
