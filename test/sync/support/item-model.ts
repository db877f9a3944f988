import { rootItem, stashItem } from '../../../src/sync/items/item.ts'
import type { ApplyIntent, Item, NewItem } from '../../../src/sync/items/item.ts'
import { rootNode } from '../../../src/sync/ids.ts'

export const noPrint = { size: 0, mtimeMs: 0, ctimeMs: 0, birthtimeMs: 0, ino: 0, exec: false }

/** What an item store shall say, from a plain map. Moves below oneself and names that are taken are refused. */
export class ItemModel {
  items = new Map<number, Item>([[rootItem, rootOf()]])
  intents = new Map<string, ApplyIntent>()
  facts = new Map<string, string>()
  #committed = this.#copy()

  #copy(): [Map<number, Item>, Map<string, ApplyIntent>, Map<string, string>] {
    return [new Map(this.items), new Map(this.intents), new Map(this.facts)]
  }

  commit(): void {
    this.#committed = this.#copy()
  }

  crash(): void {
    ;[this.items, this.intents, this.facts] = this.#committed
    this.#committed = this.#copy()
  }

  canStand(item: NewItem, id?: number): boolean {
    const parent = item.parent === stashItem ? 'stash' : this.items.get(item.parent)
    if (parent === undefined || (parent !== 'stash' && parent.kind !== 'directory')) return false
    const other = this.child(item.parent, item.name)
    if (parent !== 'stash' && other !== undefined && other.id !== id) return false
    for (let at = item.parent; at !== rootItem && at !== stashItem;) {
      if (at === id) return false
      at = this.items.get(at)!.parent
    }
    return true
  }

  child(parent: number, name: string): Item | undefined {
    return this.where((item) => item.parent === parent && item.name === name)[0]
  }

  where(test: (item: Item) => boolean): Item[] {
    return [...this.items.values()].filter(test)
  }

  below(id: number): Item[] {
    const own = this.where((item) => item.id === id)
    return [
      ...own,
      ...this.where((item) => item.parent === id && item.id !== id).flatMap(({ id: next }) =>
        this.below(next),
      ),
    ]
  }

  remove(id: number): number {
    const gone = this.below(id)
    for (const item of gone) this.items.delete(item.id)
    return gone.length
  }

  path(id: number): string[] | undefined {
    if (id === rootItem) return []
    const item = this.items.get(id)
    if (item === undefined) return undefined
    if (item.parent === stashItem) return ['.harp', 'tmp', `moving-${id}`]
    return [...this.path(item.parent)!, item.name]
  }

  totals(): { files: number; bytes: number } {
    const files = this.where(({ kind }) => kind !== 'directory')
    return { files: files.length, bytes: files.reduce((sum, { print }) => sum + print.size, 0) }
  }
}

function rootOf(): Item {
  return {
    id: rootItem,
    parent: 0,
    name: '',
    logName: '',
    kind: 'directory',
    nodes: [rootNode],
    version: undefined,
    print: noPrint,
    state: 'synced',
  }
}
