import {
  checkHealth,
  formatProblems,
  parseConfig,
  readEnvironment,
  systemFiles,
} from '../../gateway/index.ts'
import { printError, printLine } from '../output.ts'

const timeoutMs = 5_000

/** `harp healthcheck`, for the container: exit 0 and one line, or exit 1 and one line that says what failed. */
export async function runHealthcheck(): Promise<void> {
  const { config, problems } = parseConfig(readEnvironment(), systemFiles)
  if (config === null) {
    printError(`unhealthy: ${formatProblems(problems)[0] ?? 'the configuration is not valid'}`)
    process.exitCode = 1
    return
  }
  const health = await checkHealth({ config, timeoutMs })
  if (health.kind === 'healthy') {
    printLine('healthy')
    return
  }
  printError(`unhealthy: ${health.problem}`)
  process.exitCode = 1
}
