import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { AuditReport } from '../folder/audit.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'

const scrubBytes = 8 * 1024 * 1024
const mostFindings = 1_000
const fix = 'it is fetched again by itself; look at the disk, it loses data'

/** Reads the log and all packs of a cache through. What is damaged is not used any more, and fetched again. */
export async function auditCache(
  parts: { readonly store: LogStore; readonly replica: Replica; readonly chunks: SqliteChunks },
  onLost: () => void,
): Promise<AuditReport> {
  const { store, replica, chunks } = parts
  // A damaged record throws.
  let records = 0
  for (const { bytes } of store.records()) {
    if (bytes.length > 0 && ++records % 1_024 === 0) await new Promise(setImmediate)
  }
  const findings: FolderProblem[] = []
  let checked = 0
  for (let done = false; !done;) {
    const step = chunks.scrub(scrubBytes, 'audited')
    checked += step.checked
    for (const id of step.damaged) {
      if (findings.length >= mostFindings) break
      const text = Buffer.from(id).toString('hex').slice(0, 16)
      const message = `a stored chunk is damaged (${text}…); it is not used any more`
      findings.push({ code: 'FOLDER_AUDIT_CHUNK', path: '', message, fix })
    }
    if (step.damaged.length > 0) onLost()
    done = step.done
    await new Promise(setImmediate)
  }
  chunks.commit()
  return { entries: replica.log.size, files: 0, chunks: checked, findings, repaired: 0 }
}
