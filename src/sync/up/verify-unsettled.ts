import { join } from 'node:path'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import type { Item } from '../items/item.ts'
import type { HashedFile } from '../work/job.ts'
import { isContent, versionOf, versionWith, type FoundContent } from './content-plans.ts'
import { isSameTime } from './file-time.ts'
import { readText } from './marker.ts'
import { pathOf, type ScanRun } from './scan-run.ts'
import { isEmptied } from './torn-file.ts'
import type { UpParts } from './up-parts.ts'

const fact = 'boot-id'
const filesAtOnce = 512
const bootIdFile = '/proc/sys/kernel/random/boot_id'

/** Of this run of the system; undefined where it has no such thing. */
export function readBootId({ fs, bootId }: UpParts): string | undefined {
  if (bootId !== undefined) return bootId()
  try {
    return readText(fs, bootIdFile, 256)?.trim()
  } catch {
    return undefined
  }
}

/** Since the last time that a scan looked. */
export function hasBooted(parts: UpParts): boolean {
  const known = parts.items.fact(fact)
  const boot = known === undefined ? undefined : readBootId(parts)
  return boot !== undefined && boot !== known
}

/** For certain: things that are gone did not go with the power. */
export function isSameBoot(parts: UpParts): boolean {
  const boot = readBootId(parts)
  return boot !== undefined && boot === parts.items.fact(fact)
}

/**
 * After the system went down: files that were put in place and not certain to survive it are read before they are
 * believed. What is not what was put there, and nobody wrote to or is emptied, is damage and no edit; what is missing was
 * not deleted.
 */
export async function verifyUnsettled(run: ScanRun, boot: string | undefined): Promise<void> {
  const { items, chunks } = run.parts
  const known = items.fact(fact)
  if (boot !== undefined && known === boot) return
  const seen = new Set<number>()
  // Where nothing tells whether the system went down, it may not have: they are as uncertain as before.
  const isSure = boot !== undefined && known !== undefined
  for (;;) {
    const found = items.inState('unsettled', seen.size + filesAtOnce)
    const batch = found.filter(({ id }) => !seen.has(id))
    if (batch.length === 0 || run.signal.aborted) break
    for (const { id } of batch) seen.add(id)
    if (boot === undefined || known !== undefined) await verify(run, batch, isSure)
  }
  if (run.signal.aborted) return
  if (boot !== undefined) items.setFact(fact, boot)
  chunks.commit()
  items.commit()
}

async function verify(run: ScanRun, batch: readonly Item[], isSure: boolean): Promise<void> {
  const { items, pool, keys, chunker, root } = run.parts
  const asked = batch.filter(({ version }) => version !== undefined)
  const files = asked.map(({ id }) => ({ path: join(root, ...(items.path(id) ?? [])) }))
  const result = await pool.run('hash', { keys, chunker, files, keepUpTo: 0 })
  for (const [index, item] of asked.entries()) {
    const file = result.files[index]
    if (file !== undefined) judge(run, item, file, isSure)
  }
}

function judge(run: ScanRun, item: Item, file: HashedFile, isSure: boolean): void {
  const { items, chunks, replica } = run.parts
  if (file.state === 'missing') {
    chunks.removeFile(item.id)
    items.remove(item.id)
    run.findings.stale(item.nodes)
  } else if (file.state === 'failed') {
    const path = pathOf(run, item.parent, item.name)
    run.findings.problem('FOLDER_FILE_UNREADABLE', path, `${path}: ${file.fault.message}`)
  } else if (file.state !== 'changing') {
    const found: FoundContent =
      file.state === 'symlink' ? { type: 'symlink', target: file.target } : { type: 'put', hash: file.hash }
    if (isContent(versionOf(replica, item.version), found)) {
      if (isSure) items.update(item.id, { state: 'synced' })
      return
    }
    const print = fingerprintOf(file.stat)
    const other = versionWith(replica, item, found)
    if (other !== undefined && !isOurs(item, file.stat)) {
      // The version before: the new one's name did not reach the disk.
      items.update(item.id, { version: other, print, state: 'synced' })
      if (file.state === 'hashed') chunks.addFile(item.id, file.rows)
      run.findings.stale(item.nodes)
    } else if (isOurs(item, file.stat) || (isSure && file.state === 'hashed' && isEmptied(run, item, file))) {
      chunks.removeFile(item.id)
      items.update(item.id, { version: undefined, print })
      run.findings.damaged.push(item.id)
      run.findings.stale(item.nodes)
    }
  }
}

/** Nobody has written to it since: a write sets the time, and who sets that back sets the time of the last change. */
function isOurs({ print }: Item, stat: FileStat): boolean {
  const isSame = print.ino === stat.ino && isSameTime(print.mtimeMs, stat.mtimeMs)
  return isSame && stat.ctimeMs <= print.ctimeMs
}
