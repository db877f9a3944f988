import type { ModelEntry, ModelInode } from './model-inode.ts'

export interface NameChange {
  readonly directory: ModelInode
  readonly key: string
  readonly entry: ModelEntry | undefined
}

interface NameTransaction {
  readonly changes: readonly NameChange[]
  /** They cannot be lost if this one is not: of the same names. */
  readonly needs: readonly NameTransaction[]
  isDurable: boolean
}

/**
 * Names are changed in transactions, each whole or lost. Those that no directory sync covers may survive in any choice in
 * which each name has a history: which is worse than what a journal does.
 */
export class ModelNamespace {
  #pending: NameTransaction[] = []
  readonly #lastOfName = new Map<string, NameTransaction>()
  readonly #ofDirectory = new Map<number, NameTransaction[]>()

  change(changes: readonly NameChange[], dropped?: ModelInode): void {
    const needs = new Set<NameTransaction>()
    for (const { directory, key } of changes) {
      const last = this.#lastOfName.get(`${directory.ino}/${key}`)
      if (last !== undefined && !last.isDurable) needs.add(last)
    }
    // A directory that goes had been emptied before: what was in it is somewhere else.
    for (const last of this.#ofDirectory.get(dropped?.ino ?? 0) ?? []) if (!last.isDurable) needs.add(last)
    const transaction: NameTransaction = { changes, needs: [...needs], isDurable: false }
    this.#pending.push(transaction)
    for (const { directory, key, entry } of changes) {
      this.#lastOfName.set(`${directory.ino}/${key}`, transaction)
      const list = this.#ofDirectory.get(directory.ino) ?? []
      list.push(transaction)
      this.#ofDirectory.set(directory.ino, list)
      const before = directory.entries.get(key)
      if (before !== undefined) before.inode.links--
      if (entry === undefined) directory.entries.delete(key)
      else {
        directory.entries.set(key, entry)
        entry.inode.links++
      }
    }
  }

  /** Everything of this directory; undefined: of all. */
  sync(directory: ModelInode | undefined): void {
    const chosen = new Set<NameTransaction>()
    const list = directory === undefined ? this.#pending : (this.#ofDirectory.get(directory.ino) ?? [])
    for (const transaction of list) choose(transaction, chosen)
    this.#pending = this.#pending.filter((transaction) => {
      if (!chosen.has(transaction)) return true
      transaction.isDurable = true
      for (const change of transaction.changes) applyTo(change.directory.durableEntries, change)
      return false
    })
    if (this.#pending.length === 0) {
      this.#lastOfName.clear()
      this.#ofDirectory.clear()
    }
  }

  /** The entries of every directory with pending changes, as one loss of power may leave them. */
  afterCrash(random: () => number): Map<ModelInode, Map<string, ModelEntry>> {
    const chosen = new Set<NameTransaction>()
    const isPrefix = random() < 0.5
    const end = Math.floor(random() * (this.#pending.length + 1))
    for (const [index, transaction] of this.#pending.entries()) {
      if (isPrefix ? index < end : random() < 0.5) choose(transaction, chosen)
    }
    const directories = new Map<ModelInode, Map<string, ModelEntry>>()
    for (const transaction of this.#pending) {
      if (!chosen.has(transaction)) continue
      for (const change of transaction.changes) {
        const entries = directories.get(change.directory) ?? new Map(change.directory.durableEntries)
        directories.set(change.directory, entries)
        applyTo(entries, change)
      }
    }
    return directories
  }
}

function choose(transaction: NameTransaction, chosen: Set<NameTransaction>): void {
  const waiting = [transaction]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.isDurable || chosen.has(next)) continue
    chosen.add(next)
    waiting.push(...next.needs)
  }
}

function applyTo(entries: Map<string, ModelEntry>, { key, entry }: NameChange): void {
  if (entry === undefined) entries.delete(key)
  else entries.set(key, entry)
}
