/** Numbers that backtracking can take back: every write is remembered until it is undone. */
export class Registers {
  /** Of a register that nothing has been written to. */
  static readonly unset = -1

  readonly #values: Int32Array
  /** Register and former value of every write, in turn. */
  readonly #trail: number[] = []

  constructor(count: number) {
    this.#values = new Int32Array(count).fill(Registers.unset)
  }

  /** A point to undo to. */
  get mark(): number {
    return this.#trail.length
  }

  get(register: number): number {
    return this.#values[register] ?? Registers.unset
  }

  set(register: number, value: number): void {
    this.#trail.push(register, this.get(register))
    this.#values[register] = value
  }

  undoTo(mark: number): void {
    while (this.#trail.length > mark) {
      const value = this.#trail.pop() ?? Registers.unset
      const register = this.#trail.pop() ?? 0
      this.#values[register] = value
    }
  }
}
