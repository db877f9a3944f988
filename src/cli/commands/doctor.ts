import {
  formatReport,
  isHealthy,
  readEnvironment,
  reportToJson,
  runDoctor,
  systemFiles,
} from '../../gateway/index.ts'
import { printLine } from '../output.ts'

export interface DoctorCommandOptions {
  readonly json: boolean
  readonly url: string | undefined
  readonly app: string | undefined
  readonly version: string
}

/** `harp doctor`: exit 0 only when nothing is broken. */
export async function doctor(options: DoctorCommandOptions): Promise<void> {
  const { json, ...rest } = options
  const report = await runDoctor({ ...rest, env: readEnvironment(), files: systemFiles })
  if (json) printLine(JSON.stringify(reportToJson(report)))
  else for (const line of formatReport(report)) printLine(line)
  if (!isHealthy(report)) process.exitCode = 1
}
