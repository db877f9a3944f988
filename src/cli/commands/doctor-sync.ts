import { HarpError } from '../../base/errors.ts'
import { printable } from '../../base/printable.ts'
import { examineOffline, readSettings, readSyncEnvironment, type CheckInfo } from '../../sync/index.ts'
import { printLine } from '../output.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon, openThisHome } from '../running-daemon.ts'

/** `harp doctor sync`: exit 0 only when nothing has failed. */
export async function doctorSync({ json }: OutputOptions): Promise<void> {
  const checks = await examine()
  if (json === true) printLine(JSON.stringify(checks))
  else for (const line of checkLines(checks)) printLine(line)
  if (checks.some(({ result }) => result === 'failed')) process.exitCode = 1
}

/** By the daemon; what can be seen without one where none runs. */
async function examine(): Promise<readonly CheckInfo[]> {
  try {
    return await connectToDaemon().call('doctor')
  } catch (error) {
    if (!(error instanceof HarpError) || error.code !== 'SYNC_NOT_RUNNING') throw error
    return examineOffline(openThisHome(), readSettings(readSyncEnvironment()))
  }
}

const marks: Readonly<Record<CheckInfo['result'], string>> = { ok: '✓', warning: '!', failed: '✗' }

function checkLines(checks: readonly CheckInfo[]): readonly string[] {
  const lines = checks.flatMap(({ name, result, message, fix }) => {
    const line = `  ${marks[result]} ${printable(name)}: ${printable(message)}`
    return fix === null ? [line] : [line, `      → ${printable(fix)}`]
  })
  const count = (result: CheckInfo['result']): number =>
    checks.filter((check) => check.result === result).length
  const parts = [`${count('ok')} ok`]
  if (count('warning') > 0) parts.push(`${count('warning')} to look at`)
  const broken = count('failed')
  const summary =
    broken === 0 ? `All is well: ${parts.join(', ')}.` : `${broken} broken, ${parts.join(', ')}.`
  return ['Sync', ...lines, '', summary]
}
