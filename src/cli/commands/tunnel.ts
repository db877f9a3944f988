import { createLogger } from '../../base/logger.ts'
import {
  describeTunnelClient,
  formatFileProblems,
  readFrpcFile,
  startTunnelClient,
} from '../../gateway/index.ts'
import { printLine, printTable } from '../output.ts'

export interface TunnelCommandOptions {
  readonly file: string
  readonly checkOnly: boolean
}

/**
 * `harp tunnel -c frpc.toml`: runs until SIGTERM or SIGINT, then lets connections finish and exits 0; the second
 * signal ends them. SIGHUP reads the TLS files again. Exit 1: the file is wrong, or the first login failed.
 */
export async function runTunnel(options: TunnelCommandOptions): Promise<void> {
  const { config, problems } = readFrpcFile(options.file)
  for (const line of formatFileProblems(problems)) printLine(line)
  if (config === null) {
    process.exitCode = 1
    return
  }
  if (options.checkOnly) {
    printTable(describeTunnelClient(config))
    printLine('Configuration is valid.')
    return
  }
  const client = startTunnelClient({ config, log: createLogger(config.logLevel) })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void client.stop())
  process.on('SIGHUP', () => client.reload())
  await client.done
}
