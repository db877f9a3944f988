import { printable } from '../../base/printable.ts'
import type { AuditInfo } from '../../sync/index.ts'
import { printLine } from '../output.ts'
import { folderArgument } from '../place-on-disk.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon } from '../running-daemon.ts'
import { problemLines } from '../status-text.ts'

export interface AuditOptions extends OutputOptions {
  readonly folder?: string | undefined
  readonly repair?: boolean | undefined
}

/** `harp audit [FOLDER] [--repair]`: exit 1 if anything that was found remains. */
export async function auditFolders({ folder, repair, json }: AuditOptions): Promise<void> {
  const place = folder === undefined ? undefined : folderArgument(folder)
  const audits = await connectToDaemon().call('audit', { folder: place, repair })
  if (json === true) printLine(JSON.stringify(audits))
  else for (const line of audits.flatMap((audit) => auditLines(audit))) printLine(line)
  if (audits.some(({ findings }) => findings.length > 0)) process.exitCode = 1
}

function auditLines({ name, entries, files, chunks, findings, repaired }: AuditInfo): readonly string[] {
  const verdict = findings.length === 0 ? 'all is well' : `${findings.length} found`
  const mended = repaired === 0 ? '' : `, ${repaired} repaired`
  return [
    `${printable(name)}: ${verdict}${mended} (${entries} entries, ${files} files, ${chunks} chunks)`,
    ...problemLines(findings),
  ]
}
