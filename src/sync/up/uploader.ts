import { packManifest, type PackedManifest } from '../content/manifest.ts'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import { FormatError } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import type { FileContent } from '../format/operation.ts'
import { requireText } from '../format/rules.ts'
import type { EntryHash } from '../ids.ts'
import type { Item } from '../items/item.ts'
import type { Change } from '../replica/author.ts'
import { place } from '../tree/spots.ts'
import type { HashedFile } from '../work/job.ts'
import { attributeChanges } from './attribute-changes.ts'
import * as plans from './content-plans.ts'
import { timestampOf } from './file-time.ts'
import { recordOutcome, storeOutcome, type Outcome, type Readable } from './outcome.ts'
import { intentKey, operationsAtOnce, pathOf, reportReadOnly, type ScanRun } from './scan-run.ts'
import { isStillDamaged, isTorn, isTornVersion, recordTorn } from './torn-file.ts'
import type { Ahead } from './write-ahead.ts'

/** A file or symlink to be read: a new one, or one whose item says something else. */
export interface FileTask {
  readonly parent: number
  readonly name: string
  readonly size: number
}

interface Read {
  readonly file: Readable
  readonly since: number
}

/** Sealed chunks waiting to be stored; beyond this they are. */
const sealedAtOnce = 16 * 1024 * 1024
const nothing: readonly Change[] = []

/** From what files hold to operations, and when the log has them to items and places of chunks. In groups. */
export class Uploader {
  readonly #run: ScanRun
  #group: Outcome[] = []
  #operations = 0
  #sealed = 0

  constructor(run: ScanRun) {
    this.#run = run
  }

  /** `since`: a time before it was read. */
  take(task: FileTask, file: HashedFile, since: number): void {
    const { findings, parts } = this.#run
    findings.hashed++
    findings.hashedBytes += task.size
    if (file.state === 'changing' || file.state === 'missing') {
      findings.again.add(task.parent)
    } else if (file.state === 'failed') {
      const path = pathOf(this.#run, task.parent, task.name)
      findings.problem('FOLDER_FILE_UNREADABLE', path, `${path}: ${file.fault.message}`)
    } else if (file.state === 'hashed' || this.#hasGoodTarget(task, file.target)) {
      const item = parts.items.child(task.parent, task.name)
      const parent = parts.items.get(task.parent)
      if (item?.kind === 'directory' || parent === undefined) findings.again.add(task.parent)
      else if (item !== undefined) this.#known(parent, item, { file, since })
      else this.#fresh(parent, task.name, { file, since })
    }
    if (this.#operations >= operationsAtOnce || this.#group.length >= operationsAtOnce) this.flush()
    else if (this.#sealed >= sealedAtOnce) this.flush()
  }

  /** The same content, as far as a stat can tell, with other attributes. */
  attributes(item: Item, stat: FileStat): void {
    this.#same(item, stat)
    if (this.#operations >= operationsAtOnce || this.#group.length >= operationsAtOnce) this.flush()
  }

  flush(): void {
    const group = this.#group
    if (group.length === 0) return
    this.#group = []
    this.#operations = 0
    this.#sealed = 0
    const { writer, findings, parts } = this.#run
    // A version must never be in the log without its content: after a crash the user's file may be another one already.
    for (const outcome of group) storeOutcome(this.#run, outcome)
    parts.chunks.commit()
    const changes = group.flatMap((outcome) => outcome.changes)
    const entries = writer.write(changes, aheadOf(group))
    if (entries !== undefined) findings.changed += entries.length
    let next = 0
    for (const outcome of group) {
      const first = entries?.[next]
      next += outcome.changes.length
      if (outcome.changes.length > 0 && entries === undefined) {
        reportReadOnly(this.#run, outcome.parent, outcome.name)
        continue
      }
      const version = outcome.version ?? first?.hash
      recordOutcome(this.#run, outcome, version)
    }
    // Whoever believes the items must find the chunks.
    parts.chunks.commit()
    this.#run.racy.store(parts.items)
    writer.recorded()
    if (changes.length > 0) writer.announce()
    parts.report(findings.progress)
  }

  #known(parent: Item, item: Item, read: Read): void {
    const { replica } = this.#run.parts
    const found = foundIn(read.file)
    if (plans.isContent(plans.versionOf(replica, item.version), found)) {
      this.#same(item, read.file.stat, read.since)
      return
    }
    if (this.#intended(item.parent, item.name, item, read)) return
    if (this.#isTorn(item, read, item)) return
    const plan = plans.planEdit(replica, item, found)
    if (plan?.type === 'adopt') this.#adopt(item, { ...item, ...plan, state: 'synced' }, read)
    else if (isStillDamaged(item, read.file)) this.#same(item, read.file.stat, read.since)
    else if (plan === undefined) this.#fresh(parent, item.name, read, item)
    else this.#write(item, plan.place, read)
  }

  #fresh(parent: Item, name: string, read: Read, unknown?: Item): void {
    const { replica, items, random, names } = this.#run.parts
    const found = foundIn(read.file)
    if (this.#intended(parent.id, name, unknown, read)) return
    const logName = names.logName(name)
    const directory = this.#run.shown.nodesOf(parent)
    const plan = plans.planNew(replica, items, { directory, logName, found }, random)
    const at = { parent: parent.id, name, logName }
    const shown = replica.view.find(directory, logName)
    if (plan.type === 'write' && shown !== undefined && shown.kind !== 'directory') {
      if (this.#isTorn({ ...at, nodes: shown.nodes }, read, unknown)) return
    }
    if (plan.type === 'adopt') this.#adopt(unknown, { ...at, ...plan, state: 'synced' }, read)
    else this.#write({ ...at, id: unknown?.id, nodes: [plan.place.node] }, plan.place, read)
  }

  /** Whether it is what this device was putting there when it ended, or what is left of that. */
  #intended(parent: number, name: string, item: Item | undefined, read: Read): boolean {
    const { parts, intents } = this.#run
    const intent = intents.get(intentKey(parent, name))
    if (intent === undefined) return false
    if (plans.isContent(plans.versionOf(parts.replica, intent.version), foundIn(read.file))) {
      this.#adopt(item, { ...intent, state: 'unsettled' }, read)
      return true
    }
    if (!isTorn(parts.replica, intent, read.file)) return false
    recordTorn(this.#run, item, intent, read.file.stat)
    return true
  }

  /** Whether the power took what was just written there: then it is no edit, and is put there again. */
  #isTorn(
    at: Pick<Item, 'parent' | 'name' | 'logName' | 'nodes'>,
    { file }: Read,
    item: Item | undefined,
  ): boolean {
    const { parts, isAfterBoot } = this.#run
    if (!isAfterBoot) return false
    if (!isTornVersion(plans.versionsAfter(parts.replica, at, item?.version), file)) return false
    const { parent, name, logName, nodes } = at
    recordTorn(this.#run, item, { parent, name, logName, nodes, kind: 'file' }, file.stat)
    return true
  }

  /** The log has it: nothing to write. */
  #adopt(
    item: Item | undefined,
    as: Pick<Outcome, 'parent' | 'name' | 'logName' | 'nodes' | 'state'> & { readonly version: EntryHash },
    { file, since }: Read,
  ): void {
    const { parent, name, logName, nodes, state, version } = as
    const manifest = this.#manifest(file)
    if (manifest === 'too-large') return
    this.#add({
      changes: nothing,
      item: item?.id,
      parent,
      name,
      logName,
      nodes,
      version,
      state,
      file,
      manifest,
      since,
      stat: file.stat,
    })
    this.#run.findings.stale(nodes)
  }

  #write(
    at: Pick<Outcome, 'parent' | 'name' | 'logName' | 'nodes'> & { readonly id: number | undefined },
    to: Parameters<typeof place>[1],
    { file, since }: Read,
  ): void {
    const { parent, name, logName, nodes, id } = at
    if (!this.#run.writer.isAllowed) {
      reportReadOnly(this.#run, parent, name)
      return
    }
    const manifest = this.#manifest(file)
    if (manifest === 'too-large') {
      const path = pathOf(this.#run, parent, name)
      this.#run.findings.problem('FOLDER_FILE_UNREADABLE', path, `${path} is too large to be synced`)
      return
    }
    const change: Change =
      file.state === 'symlink'
        ? { operation: place({ type: 'symlink', target: file.target }, to) }
        : {
            operation: place({ type: 'put', content: contentOf(file, manifest) }, to),
            ...(manifest !== undefined && manifest.chunkList.length > 0 && { chunkList: manifest.chunkList }),
          }
    this.#add({
      changes: [change],
      item: id,
      parent,
      name,
      logName,
      nodes,
      file,
      manifest,
      since,
      version: undefined,
      state: 'synced',
      stat: file.stat,
    })
  }

  /** Its content is that of its version, or still damaged, if it has none. */
  #same(item: Item, stat: FileStat, since?: number): void {
    const { parent, name, logName, nodes, version, state } = item
    const { view } = this.#run.parts.replica
    // A newer one may have been kept from its place by what changed here.
    if (plans.shownFile(view, item)?.current.entry.hash !== version) this.#run.findings.stale(item.nodes)
    const changes = attributeChanges(view, item, stat)
    if (changes.length > 0 && !this.#run.writer.isAllowed) {
      reportReadOnly(this.#run, parent, name)
      return
    }
    this.#add({
      changes,
      item: item.id,
      parent,
      name,
      logName,
      nodes,
      version,
      state,
      file: undefined,
      manifest: undefined,
      stat,
      since,
    })
  }

  #add(outcome: Outcome): void {
    this.#group.push(outcome)
    this.#operations += outcome.changes.length
    if (outcome.file?.state === 'hashed') this.#sealed += outcome.file.sealed?.length ?? 0
  }

  #manifest(file: Readable): PackedManifest | 'too-large' | undefined {
    if (file.state === 'symlink') return undefined
    try {
      return packManifest(this.#run.parts.keys, file.rows)
    } catch (error) {
      if (error instanceof FormatError) return 'too-large'
      throw error
    }
  }

  #hasGoodTarget(task: FileTask, target: string): boolean {
    try {
      requireText(target, limits.targetBytes)
      if (target !== '' && !target.includes('\uFFFD')) return true
    } catch {
      // Said below.
    }
    const path = pathOf(this.#run, task.parent, task.name)
    this.#run.findings.problem(
      'FOLDER_SYMLINK_TARGET',
      path,
      `${path} points to something that cannot be synced`,
    )
    return false
  }
}

/** New contents: of attributes the next scan finds out again. */
function aheadOf(group: readonly Outcome[]): Ahead[] {
  const ahead: Ahead[] = []
  let index = 0
  for (const { changes, file, item, parent, name, stat } of group) {
    if (file !== undefined && changes.length > 0) {
      ahead.push({ index, item, parent, name, print: fingerprintOf(stat) })
    }
    index += changes.length
  }
  return ahead
}

function foundIn(file: Readable): plans.FoundContent {
  return file.state === 'symlink'
    ? { type: 'symlink', target: file.target }
    : { type: 'put', hash: file.hash }
}

function contentOf(
  file: Extract<Readable, { readonly state: 'hashed' }>,
  manifest: PackedManifest | undefined,
): FileContent {
  const { stat, hash } = file
  return {
    manifest: manifest?.manifest ?? new Uint8Array(0),
    size: stat.size,
    mtime: timestampOf(stat.mtimeMs),
    exec: stat.exec,
    hash,
  }
}
