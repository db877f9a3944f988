/** The capturing groups of a pattern while it is parsed: numbers, names, widths, and what may refer to them. */
import type { PatternReader } from './pattern-reader.ts'
import { widthOf, type PatternNode, type Width } from './syntax-tree.ts'

const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u
const groupNumber = /^[0-9]+$/

export class GroupTable {
  readonly #reader: PatternReader
  readonly #names = new Map<string, number>()
  readonly #widths = new Map<number, Width>()
  /** Conditions may name a group that comes later: the highest one, and where. */
  #highestCondition = { group: 0, position: 0 }
  #count = 0
  /** Inside a look-behind: how many groups there were before it. */
  #groupsBeforeLookBehind: number | undefined

  constructor(reader: PatternReader) {
    this.#reader = reader
  }

  get count(): number {
    return this.#count
  }

  /** Widths of the groups that are closed. */
  get widths(): ReadonlyMap<number, Width> {
    return this.#widths
  }

  open(name?: string): number {
    this.#count += 1
    if (name === undefined) return this.#count
    if (this.#names.has(name)) throw this.#reader.invalid(`redefinition of group name '${name}'`)
    this.#names.set(name, this.#count)
    return this.#count
  }

  close(group: number, body: PatternNode): void {
    this.#widths.set(group, widthOf(body, this.#widths))
  }

  checkName(name: string): string {
    if (identifier.test(name)) return name
    throw this.#reader.invalid(`bad character in group name '${name}'`)
  }

  named(name: string, position: number): number {
    const group = this.#names.get(name)
    if (group === undefined) throw this.#reader.invalid(`unknown group name '${name}'`, position)
    return group
  }

  checkReference(group: number, position: number): void {
    if (group > this.#count) throw this.#reader.invalid(`invalid group reference ${group}`, position)
    if (!this.#widths.has(group)) throw this.#reader.invalid('cannot refer to an open group', position)
    this.#checkLookBehind(group, position)
  }

  /** The group of a condition, by name or number; a number may be that of a later group. */
  condition(name: string, position: number): number {
    const group = identifier.test(name) ? this.named(name, position) : this.#conditionNumber(name, position)
    this.#checkLookBehind(group, position)
    return group
  }

  checkForwardReferences(): void {
    const { group, position } = this.#highestCondition
    if (group > this.#count) throw this.#reader.invalid(`invalid group reference ${group}`, position)
  }

  insideLookBehind<Result>(parse: () => Result): Result {
    const isOutermost = this.#groupsBeforeLookBehind === undefined
    this.#groupsBeforeLookBehind ??= this.#count
    const result = parse()
    if (isOutermost) this.#groupsBeforeLookBehind = undefined
    return result
  }

  #conditionNumber(name: string, position: number): number {
    if (!groupNumber.test(name)) {
      throw this.#reader.invalid(`bad character in group name '${name}'`, position)
    }
    const group = Number.parseInt(name, 10)
    if (group === 0) throw this.#reader.invalid('bad group number', position)
    if (group > this.#highestCondition.group) this.#highestCondition = { group, position }
    return group
  }

  #checkLookBehind(group: number, position: number): void {
    if (this.#groupsBeforeLookBehind === undefined) return
    if (!this.#widths.has(group)) throw this.#reader.invalid('cannot refer to an open group', position)
    if (group > this.#groupsBeforeLookBehind) {
      throw this.#reader.invalid('cannot refer to group defined in the same lookbehind subpattern', position)
    }
  }
}
