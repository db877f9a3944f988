import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import type { Operation } from '../format/operation.ts'
import type { NodeId } from '../ids.ts'
import { stashItem, type Item } from '../items/item.ts'
import { unnumberedName } from '../tree/names.ts'
import { chooseNode, parentIn } from '../tree/spots.ts'
import { freeHidden, isFree } from './content-plans.ts'
import { wasMovedOn } from './past-places.ts'
import { operationsAtOnce, reportReadOnly, type ScanRun } from './scan-run.ts'
import type { Ahead } from './write-ahead.ts'

/** A place on the disk: in which directory, and what it is called here and in the log. */
export interface Spot {
  readonly parent: Item
  readonly name: string
  readonly logName: string
  readonly stat: FileStat
}

interface Move extends Spot {
  readonly item: Item
}

export interface Placed {
  /** Directories that are new, or are taken for what others made. */
  readonly made: readonly Item[]
  readonly moved: readonly { readonly item: Item; readonly stat: FileStat }[]
}

/**
 * New directories and what was moved: written to the log together, and then to the items, before anything in them is
 * looked at. So everything below finds its parents in the view.
 */
export class Structure {
  readonly #run: ScanRun
  #makes: Spot[] = []
  #moves: Move[] = []
  readonly #claimed = new Set<number>()

  constructor(run: ScanRun) {
    this.#run = run
  }

  make(spot: Spot): void {
    this.#makes.push(spot)
  }

  move(item: Item, spot: Spot): void {
    this.#claimed.add(item.id)
    this.#moves.push({ ...spot, item })
  }

  /** Whether it goes to another place already. */
  isClaimed(item: Item): boolean {
    return this.#claimed.has(item.id)
  }

  flush(): Placed {
    const moves = this.#moves
    const makes = this.#makes
    this.#moves = []
    this.#makes = []
    this.#claimed.clear()
    if (moves.length === 0 && makes.length === 0) return { made: [], moved: [] }
    const moved = this.#writeMoves(moves)
    const made = this.#writeMakes(makes)
    const { writer } = this.#run
    writer.recorded()
    writer.announce()
    return { made, moved }
  }

  #writeMoves(moves: readonly Move[]): Placed['moved'] {
    const { items } = this.#run.parts
    const written: Move[] = []
    for (let from = 0; from < moves.length; from += operationsAtOnce) {
      const some = moves.slice(from, from + operationsAtOnce)
      const operations: Operation[] = []
      const ahead: Ahead[] = []
      for (const move of some) {
        const own = this.#operations(move)
        operations.push(...own)
        if (own.length > 0) ahead.push(aheadOf(move, operations.length - 1))
      }
      // What is between two places must not be committed there.
      const isStashed = some.some(({ item }) => items.get(item.id)?.parent === stashItem)
      if (this.#write(operations, isStashed ? [] : ahead)) written.push(...some)
      else for (const { parent, name } of some) reportReadOnly(this.#run, parent.id, name)
    }
    for (const { item } of written) this.#noteUncovered(item)
    // Two may change places.
    for (const { parent, name } of written) {
      if (items.child(parent.id, name) === undefined) continue
      for (const move of written) items.update(move.item.id, { parent: stashItem })
      break
    }
    for (const { item, parent, name, logName } of written) {
      items.update(item.id, { parent: parent.id, name, logName })
    }
    return written.map(({ item, parent, name, logName, stat }) => ({
      item: { ...item, parent: parent.id, name, logName },
      stat,
    }))
  }

  /** A file beside a directory of its name loses its number when the directory goes; the log says nothing of the file. */
  #noteUncovered({ kind, parent, logName }: Item): void {
    const { replica, items } = this.#run.parts
    const own = unnumberedName(logName)
    const from = kind === 'directory' || own !== undefined ? items.get(parent) : undefined
    if (from === undefined) return
    const names = own === undefined ? [logName] : [logName, own]
    for (const { nodes } of replica.view.listNamed(this.#run.shown.nodesOf(from), names)) {
      this.#run.findings.stale(nodes)
    }
  }

  /**
   * None where the log shows it already, or others have moved it on from: then it was this device that moved it, and a
   * crash lost that it did.
   */
  #operations({ item, parent, logName }: Move): Operation[] {
    const { replica, items } = this.#run.parts
    const { view } = replica
    const directory = this.#run.shown.nodesOf(parent)
    const to = parentIn(view, directory)
    return item.nodes
      .filter((id) => {
        const node = view.tree.node(id)
        const isThere = node?.name === logName && directory.includes(node.parent?.id ?? '')
        if (node === undefined || isThere) return false
        const from = { directory: items.get(item.parent)?.nodes ?? [], name: item.logName }
        if (!wasMovedOn(view.tree.rows, node, from, { directory, name: logName })) return true
        this.#run.findings.stale(item.nodes)
        return false
      })
      .map((node) => ({ type: 'move', node, parent: to, name: logName }))
  }

  #writeMakes(makes: readonly Spot[]): Item[] {
    const made: Item[] = []
    for (let from = 0; from < makes.length; from += operationsAtOnce) {
      const some = makes.slice(from, from + operationsAtOnce)
      const plans = some.map((spot) => this.#plan(spot))
      const ahead: Ahead[] = []
      for (const [index, { parent, name, stat }] of some.entries()) {
        if (plans[index]?.operation === undefined) continue
        const print = fingerprintOf(stat)
        ahead.push({ index: ahead.length, item: undefined, parent: parent.id, name, print })
      }
      const operations = plans.flatMap(({ operation }) => operation ?? [])
      const isWritten = this.#write(operations, ahead)
      for (const [index, { parent, name, logName, stat }] of some.entries()) {
        const plan = plans[index]
        if (plan === undefined) continue
        if (plan.operation !== undefined && !isWritten) {
          reportReadOnly(this.#run, parent.id, name)
          continue
        }
        made.push(
          this.#run.parts.items.add({
            parent: parent.id,
            name,
            logName,
            nodes: plan.nodes,
            kind: 'directory',
            version: undefined,
            print: fingerprintOf(stat),
            state: 'synced',
          }),
        )
        if (plan.operation === undefined) this.#run.findings.stale(plan.nodes)
      }
    }
    return made
  }

  /** What others made and this disk does not have yet is taken for it; a hidden one of that name goes on. */
  #plan({ parent, logName }: Spot): { readonly nodes: readonly NodeId[]; readonly operation?: Operation } {
    const { replica, items, random } = this.#run.parts
    const { view } = replica
    const directory = this.#run.shown.nodesOf(parent)
    const shown = view.find(directory, logName)
    if (shown?.kind === 'directory' && shown.nodes.every((node) => isFree(items, node))) {
      return { nodes: shown.nodes }
    }
    const hidden = shown === undefined ? freeHidden(view, items, directory, logName) : []
    const { node } = chooseNode(view, hidden, 'directory', random)
    const at = { parent: node.parent ?? parentIn(view, directory), name: logName }
    return { nodes: [node.id], operation: { type: 'mkdir', node: node.id, ...at } }
  }

  #write(operations: readonly Operation[], ahead: readonly Ahead[] = []): boolean {
    const { writer, findings } = this.#run
    const written = writer.write(
      operations.map((operation) => ({ operation })),
      ahead,
    )
    findings.changed += written?.length ?? 0
    return written !== undefined
  }
}

function aheadOf({ item, parent, name }: Move, index: number): Ahead {
  return { index, item: item.id, parent: parent.id, name, print: undefined }
}
