import { createLogger } from '../../base/logger.ts'
import {
  describeConfig,
  formatProblems,
  parseConfig,
  readEnvironment,
  startGateway,
  systemFiles,
  type Gateway,
} from '../../gateway/index.ts'
import { formatHostPort } from '../../net/address.ts'
import { printLine, printTable } from '../output.ts'

export interface GatewayCommandOptions {
  readonly checkOnly: boolean
  readonly version: string
}

/** `harp gateway`: runs until SIGTERM, SIGINT or SIGUSR1, then drains and exits 0; SIGHUP reloads the certificate. */
export async function runGateway(options: GatewayCommandOptions): Promise<void> {
  // A signal during the start counts too: it is remembered until there is something to stop.
  const { promise: stopAsked, resolve: askStop } = Promise.withResolvers<undefined>()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) process.on(signal, () => askStop(undefined))
  let gateway: Gateway | null = null
  process.on('SIGHUP', () => gateway?.reload())
  const { config, problems } = parseConfig(readEnvironment(), systemFiles)
  for (const line of formatProblems(problems)) printLine(line)
  if (config === null) {
    process.exitCode = 1
    return
  }
  if (options.checkOnly) {
    printTable(describeConfig(config))
    printLine('Configuration is valid.')
    return
  }
  if (config.verboseStart) {
    for (const [name, value] of describeConfig(config)) printLine(`INFO: ${name}=${value}`)
  }
  gateway = await startGateway({ config, log: createLogger(config.logLevel), version: options.version })
  if (config.verboseStart) {
    printLine(
      `INFO: Harp ${options.version} serves ExApps on http://${formatHostPort(gateway.httpAddress)}/exapps/`,
    )
  }
  await stopAsked
  await gateway.stop()
}
