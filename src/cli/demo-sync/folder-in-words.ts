import { rootNode, type NodeId, type Operation } from '../../sync/index.ts'

interface Place {
  readonly parent: NodeId
  readonly name: string
  /** A slash after the names of directories. */
  readonly mark: '' | '/'
}

/** Follows names and places through the one order, to say in words what each operation does at its place. */
export class FolderInWords {
  readonly #places = new Map<NodeId, Place>()

  apply(operation: Operation): string {
    switch (operation.type) {
      case 'mkdir':
        return this.#create(operation, '/', 'makes')
      case 'put':
      case 'symlink':
        return this.#places.has(operation.node)
          ? `saves ${this.#path(operation.node)}`
          : this.#create(operation, '', 'writes')
      case 'move':
        return this.#move(operation)
      case 'trash':
        return `deletes ${this.#path(operation.node)}`
      case 'restore':
        return `restores ${this.#path(operation.node)}`
      case 'attr':
        return `sets attributes of ${this.#path(operation.node)}`
      case 'merge':
        return 'joins what several devices did'
    }
  }

  #create(
    { node, parent, name }: { readonly node: NodeId; readonly parent: NodeId; readonly name: string },
    mark: Place['mark'],
    verb: string,
  ): string {
    if (!this.#places.has(node)) this.#places.set(node, { parent, name, mark })
    return `${verb} ${this.#path(node)}`
  }

  #move({
    node,
    parent,
    name,
  }: {
    readonly node: NodeId
    readonly parent: NodeId
    readonly name: string
  }): string {
    const before = this.#places.get(node)
    if (before === undefined) return 'moves something that does not exist here'
    const from = this.#path(node)
    const isCycle = this.#isBelow(parent, node)
    const into = parent === rootNode ? 'the top' : this.#path(parent)
    if (!isCycle) this.#places.set(node, { parent, name, mark: before.mark })
    const said = before.parent === parent ? `renames ${from} to ${name}` : `moves ${from} into ${into}`
    return isCycle ? `${said} (left out)` : said
  }

  #isBelow(node: NodeId, above: NodeId): boolean {
    for (let at: NodeId | undefined = node; at !== undefined; at = this.#places.get(at)?.parent) {
      if (at === above) return true
    }
    return false
  }

  #path(node: NodeId): string {
    const { parent, name, mark } = this.#places.get(node) ?? { parent: rootNode, name: '?', mark: '' }
    return `${parent === rootNode ? '' : this.#path(parent)}${name}${mark}`
  }
}
