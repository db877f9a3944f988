import { HarpError } from '../../base/errors.ts'
import type { PutFile, PutSymlink } from '../format/operation.ts'
import type { DeviceId, EntryHash, NodeId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import { childrenNamed, type TreeNode } from '../tree/node.ts'
import { headsOf, lastVersion, versionsOf, type Version } from '../tree/versions.ts'

/** A version of a file as commands show it. */
export interface HistoryVersion {
  readonly version: EntryHash
  readonly device: DeviceId
  /** Milliseconds since 1970, by the author's clock. */
  readonly timeMs: number
  readonly size: number
  readonly concurrent: boolean
  readonly current: boolean
  readonly final: boolean
  readonly operation: PutFile | PutSymlink
}

export interface FileHistory {
  /** Of the shown file; of a deleted one, those that had the path. */
  readonly nodes: readonly NodeId[]
  /** Nothing is shown at the path now. */
  readonly isDeleted: boolean
  /** Newest first. */
  readonly versions: readonly HistoryVersion[]
}

/** The history of what is, or was, at a path of names; undefined if nothing with versions ever was. */
export function historyOf(replica: Replica, path: readonly string[]): FileHistory | undefined {
  const { view, tree } = replica
  const shown = view.at(path)
  if (shown?.kind === 'directory') return undefined
  const ids = shown?.nodes ?? nodesOnceAt(replica, path).map(({ id }) => id)
  const nodes = ids.map((id) => tree.node(id)).filter((node) => node !== undefined)
  const versions = versionsOf(tree.rows, nodes)
  if (versions.length === 0) return undefined
  const heads = new Set(headsOf(tree.rows, nodes).map(({ entry }) => entry.hash))
  const current = shown?.current ?? lastVersion(tree.rows, nodes)
  const described = versions.map((version) => describe(replica, version, { heads, current }))
  return { nodes: ids, isDeleted: shown === undefined, versions: described.reverse() }
}

/** The one version of a history that a prefix names. */
export function versionNamed(history: FileHistory, prefix: string): HistoryVersion {
  const text = prefix.toLowerCase()
  const found = /^[0-9a-f]{4,64}$/.test(text)
    ? history.versions.filter(({ version }) => version.startsWith(text))
    : []
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  throw new HarpError(
    'SYNC_VERSION_UNKNOWN',
    `${found.length === 0 ? 'no' : 'more than one'} version ${prefix}`,
    {
      fix: 'take a version from harp log, with at least 12 digits',
    },
  )
}

function describe(
  replica: Replica,
  { entry, operation, position }: Version<LogEntry>,
  among: { readonly heads: ReadonlySet<EntryHash>; readonly current: Version<LogEntry> | undefined },
): HistoryVersion {
  const isCurrent = entry.hash === among.current?.entry.hash
  return {
    version: entry.hash,
    device: entry.deviceId,
    timeMs: entry.hlc.ms,
    size: operation.type === 'put' ? operation.content.size : operation.target.length,
    // As long as there is more than one head, all of them are concurrent, the shown one as well.
    concurrent: among.heads.size > 1 && among.heads.has(entry.hash),
    current: isCurrent,
    final: position < replica.finalLength,
    operation,
  }
}

/** Content nodes that have this path in the tree, whether they are shown or not; the last touched ones of each name. */
function nodesOnceAt(replica: Replica, path: readonly string[]): TreeNode[] {
  const { tree, view } = replica
  let places = view.root().map((id) => tree.node(id))
  for (const [index, name] of path.entries()) {
    const found: TreeNode[] = []
    const isLast = index === path.length - 1
    for (const place of places) {
      if (place === undefined) continue
      for (const child of childrenNamed(place, name)) {
        if ((child.kind === 'directory') !== isLast) found.push(child)
      }
    }
    places = found
  }
  return places.filter((node) => node !== undefined)
}
