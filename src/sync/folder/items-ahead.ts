import type { EntryHash } from '../ids.ts'
import { rootItem, stashItem, type ItemStore } from '../items/item.ts'
import type { Replica } from '../replica/replica.ts'

/**
 * After the log has lost entries: items that say what it does not know any more are forgotten. Their files are unknown
 * things then, which no plan touches, and the scan takes them in anew; otherwise the older version that the log shows
 * would take the place of what the user has. Returns how many.
 */
export function forgetAhead(items: ItemStore, replica: Replica): number {
  const { log, tree } = replica
  const isKnown = (version: EntryHash | undefined): boolean =>
    version === undefined || log.entry(version) !== undefined
  let forgotten = 0
  const waiting = [rootItem, stashItem]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const { id, kind, nodes, version } of items.children(directory)) {
      const hasNode = nodes.some((node) => tree.node(node) !== undefined)
      if (hasNode && isKnown(version)) {
        if (kind === 'directory') waiting.push(id)
      } else if (directory !== stashItem) forgotten += items.remove(id)
    }
  }
  const ahead = items.intents().filter(({ version }) => !isKnown(version))
  items.clearIntents(ahead.map(({ temporaryName }) => temporaryName))
  items.commit()
  return forgotten
}
