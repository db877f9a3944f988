import { join } from 'node:path'
import type { ChunkStore } from '../chunks/chunk-store.ts'
import type { ContentKeys } from '../content/content.ts'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import { rootItem, type ApplyIntent, type Item, type ItemStore } from '../items/item.ts'
import { isShownHead } from '../plan/in-view.ts'
import type { WantedContent } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import type { Target } from '../work/job.ts'
import { idOf, sealedLength, type Download } from './download.ts'
import type { KeepPolicy, VersionSource } from './version-source.ts'

export interface PlacingParts {
  readonly root: string
  readonly replica: Replica
  readonly items: ItemStore
  readonly chunks: ChunkStore
  readonly versions: VersionSource
  readonly keep: KeepPolicy
  readonly keys: ContentKeys
}

/** A version that may be put in its place now, if the disk is what the items say. */
export interface Placement {
  readonly download: Download
  readonly temporary: string
  readonly temporaryName: string
  readonly target: Target
  /** What is replaced. */
  readonly replaced: Item | undefined
}

/** From a wanted version to what a job needs to put it in place; and from the outcome to items and chunk places. */
export class Placing {
  readonly #parts: PlacingParts

  constructor(parts: PlacingParts) {
    this.#parts = parts
  }

  get keys(): ContentKeys {
    return this.#parts.keys
  }

  temporaryOf({ wanted }: Download): string {
    return join(this.#parts.root, privatePaths.temporary, wanted.version)
  }

  /** Undefined if the log or the items have moved on: the plan is made anew then. */
  prepare(download: Download): Placement | undefined {
    const { root, items } = this.#parts
    const { wanted } = download
    const directory = items.get(wanted.parent)
    const path = items.path(wanted.parent)
    if (directory === undefined || path === undefined || !this.#isCurrent(wanted)) return undefined
    const replaced = items.child(wanted.parent, wanted.name)
    if (replaced?.id !== wanted.item?.id || replaced?.version !== wanted.item?.version) return undefined
    if (replaced?.kind === 'directory') return undefined
    const target: Target = {
      path: join(root, ...path, wanted.name),
      expected: replaced === undefined ? 'nothing' : { print: replaced.print },
      parentIno: directory.print.ino,
      keepAt: replaced === undefined ? undefined : this.#keepAt(replaced),
      mtimeMs: wanted.mtimeMs,
      exec: wanted.exec,
    }
    const temporary = this.temporaryOf(download)
    return { download, temporary, temporaryName: wanted.version, target, replaced }
  }

  intentOf({ download, temporaryName }: Placement): ApplyIntent {
    const { parent, name, logName, nodes, version, operation } = download.wanted
    const kind = operation.type === 'put' ? 'file' : 'symlink'
    return { parent, name, logName, nodes, version, kind, temporaryName }
  }

  /** It is in place: says so in items and chunk places. The caller commits. */
  record({ download, target, replaced }: Placement, stat: FileStat): void {
    const { items, chunks, keep } = this.#parts
    const { wanted, rows } = download
    const { parent, name, logName, nodes, version, operation } = wanted
    if (replaced !== undefined) this.#recordKept(replaced, target)
    const item = {
      parent,
      name,
      logName,
      kind: operation.type === 'put' ? ('file' as const) : ('symlink' as const),
      nodes,
      version,
      print: fingerprintOf(stat),
      state: 'unsettled' as const,
    }
    let id: number
    if (replaced === undefined) id = items.add(item).id
    else {
      id = replaced.id
      items.update(id, item)
    }
    if (rows === undefined) {
      chunks.removeFile(id)
      return
    }
    if (keep !== 'current') this.storeSealed(download)
    chunks.addFile(id, rows)
  }

  /** Whether the log still shows this version at this place. */
  #isCurrent({ parent, logName, version }: WantedContent): boolean {
    const { items, replica } = this.#parts
    const path = [logName]
    for (let id = parent; id !== rootItem;) {
      const item = items.get(id)
      if (item === undefined) return false
      path.unshift(item.logName)
      id = item.parent
    }
    const shown = replica.view.at(path)
    return shown !== undefined && shown.kind !== 'directory' && shown.current.entry.hash === version
  }

  #recordKept(replaced: Item, target: Target): void {
    const { chunks, versions } = this.#parts
    if (target.keepAt === undefined || replaced.version === undefined) return
    const rows = versions.rows(replaced.version)
    if (rows !== undefined) chunks.addKept(replaced.version, rows, replaced.print.size)
  }

  /** Small files survive being overwritten in place: their chunks are stored as they came. */
  storeSealed({ rows, sealed }: Download): void {
    if (rows === undefined) return
    const { chunks } = this.#parts
    for (const [row, bytes] of sealed.entries()) {
      if (bytes === undefined || bytes.length !== sealedLength(rows, row)) continue
      const one = {
        ids: idOf(rows, row),
        keys: rows.keys.subarray(row * 32, row * 32 + 32),
        lengths: rows.lengths.subarray(row, row + 1),
      }
      chunks.addSealed(one, bytes)
    }
  }

  /** Content whose chunks are all in packs need not be kept as a file as well. */
  #keepAt(replaced: Item): string | undefined {
    const { root, replica, chunks, versions, keep } = this.#parts
    if (replaced.version === undefined || replaced.kind !== 'file') return undefined
    // Of an edit that nobody has joined yet this may be the only copy.
    if (keep === 'current' && !isShownHead(replica.view, replaced)) return undefined
    if (chunks.isKept(replaced.version)) return undefined
    const rows = versions.rows(replaced.version)
    if (rows === undefined) return join(root, privatePaths.kept, replaced.version)
    for (let row = 0; row < rows.lengths.length; row++) {
      if (chunks.find(idOf(rows, row))?.in !== 'pack') {
        return join(root, privatePaths.kept, replaced.version)
      }
    }
    // What is dropped for it must not be lost with the power.
    chunks.commit()
    return undefined
  }
}
