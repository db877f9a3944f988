import type { Operation } from '../format/operation.ts'

/** What an operation did at its place. */
export const effect = { nothing: 0, listed: 1, created: 2 } as const

/**
 * The operations in the order they were applied, and per place a few numbers. Lists that hang on nodes (touches,
 * trashes, attributes, placements) run through them backwards: to undo the last operation is to step back along its
 * list. So nothing is kept for undo alone, and a place costs about 30 bytes.
 */
export class Rows<E> {
  readonly entries: E[] = []
  readonly operations: (Operation | undefined)[] = []
  effect = new Uint8Array(64)
  /** The place before in the node's list of touches, or of trashes, or of settings of mtime. */
  previous = new Int32Array(64)
  /** The placement before, if this placed a node that had one; for attributes the setting of exec before. */
  placed = new Int32Array(64)
  /** How many versions that had seen this version list it as base. */
  superseded = new Int32Array(64)

  get length(): number {
    return this.entries.length
  }

  push(entry: E, operation: Operation | undefined): number {
    const position = this.entries.length
    if (position === this.effect.length) this.#grow()
    this.entries.push(entry)
    this.operations.push(operation)
    this.effect[position] = effect.nothing
    this.superseded[position] = 0
    return position
  }

  truncate(length: number): void {
    this.entries.length = length
    this.operations.length = length
  }

  entry(position: number): E {
    const entry = this.entries[position]
    if (entry === undefined) throw new RangeError('no such place in the order')
    return entry
  }

  #grow(): void {
    const size = this.effect.length * 2
    this.effect = grown(new Uint8Array(size), this.effect)
    this.previous = grown(new Int32Array(size), this.previous)
    this.placed = grown(new Int32Array(size), this.placed)
    this.superseded = grown(new Int32Array(size), this.superseded)
  }
}

function grown<A extends Uint8Array | Int32Array>(larger: A, from: A): A {
  larger.set(from)
  return larger
}
