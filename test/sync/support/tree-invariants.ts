import { observes, type OrderedTree } from './ordered-tree.ts'

/**
 * What holds of every tree, whatever was written (docs/spec/tree.md). Returns the first thing that does not; plain
 * comparisons, because the exhaustive suite asks some ten thousand times.
 */
export function brokenInvariant(ordered: OrderedTree): string | undefined {
  const entries = new Map<string, number>()
  const listed = new Map<string, number>()
  return (
    brokenView(ordered, entries, listed) ?? brokenNode(ordered, entries, listed) ?? brokenHistory(ordered)
  )
}

function brokenView(
  { tree, view }: OrderedTree,
  entries: Map<string, number>,
  listed: Map<string, number>,
): string | undefined {
  const paths = new Set<string>()
  for (const { path, shown } of view.walk()) {
    const joined = path.join('/')
    if (paths.has(joined)) return `I2: ${joined} is there twice`
    paths.add(joined)
    for (const id of shown.nodes) add(entries, id)
    if (view.at(path)?.nodes.join() !== shown.nodes.join()) {
      return `${joined} is listed, but not found by its path`
    }
    const own = shown.nodes.map((id) => tree.node(id)?.name)
    if (own.some((name) => name !== own[0])) return `I4: ${joined} is of nodes of several names`
    if (shown.kind !== 'directory') for (const { entry } of shown.versions) add(listed, entry.hash)
    if (own[0] === shown.name) continue
    const number = shown.name.startsWith(`${own[0]}~`) ? Number(shown.name.slice(own[0]!.length + 1)) : 0
    if (shown.kind === 'directory' || !(number >= 2)) return `I4: the name ${joined} is invented`
    if (view.at([...path.slice(0, -1), own[0]!])?.kind !== 'directory') {
      return `I4: ${joined} is beside no directory`
    }
  }
  return undefined
}

function brokenNode(
  { tree, view }: OrderedTree,
  entries: ReadonlyMap<string, number>,
  listed: ReadonlyMap<string, number>,
): string | undefined {
  for (const node of tree.nodes()) {
    let steps = 0
    for (let at = node.parent; at !== undefined; at = at.parent) {
      if (steps++ > 1000) return `I2: ${node.id} is in a cycle`
      if (tree.node(at.id) !== at) return `I2: ${node.id} is below what is not in the tree`
    }
    const times = view.shows(node.id) ? 1 : 0
    if ((entries.get(node.id) ?? 0) !== times) return `I2: ${node.id} should be in ${times} entries`
    for (const { entry } of tree.contentState(node.id)?.versions ?? []) {
      if ((listed.get(entry.hash) ?? 0) !== times) {
        return `I3: version ${entry.hash} should be in ${times} files`
      }
    }
  }
  return undefined
}

function brokenHistory({ tree, view, order }: OrderedTree): string | undefined {
  const versions = new Map<string, number>()
  for (const node of tree.nodes()) {
    for (const { entry } of tree.contentState(node.id)?.versions ?? []) add(versions, entry.hash)
  }
  const trashes = order.filter(({ operation }) => operation?.type === 'trash')
  for (const [position, entry] of order.entries()) {
    const { operation } = entry
    if (operation === undefined || !('parent' in operation) || entry.isFenced === true) continue
    const node = tree.node(operation.node)
    // Before a node is placed, what names it has no effect.
    const applies = node?.parent !== undefined && firstPlace(tree, node.placement) <= position
    const isVersion =
      applies && node.kind === 'content' && operation.type !== 'move' && operation.type !== 'mkdir'
    if ((versions.get(entry.hash) ?? 0) !== (isVersion ? 1 : 0)) return `I3: ${entry.hash} is not in one node`
    if (!applies || view.shows(node.id)) continue
    if (!trashes.some((trash) => observes(trash, entry))) return `I4b: no trash had seen ${entry.hash}`
  }
  return undefined
}

function firstPlace({ rows }: OrderedTree['tree'], last: number): number {
  let first = last
  while (rows.operations[first]?.type === 'move') first = rows.placed[first]!
  return first
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
