import type { BoundaryScan } from './boundary-scan.ts'

/** The reference, and what is used where there is no WebAssembly. */
export class ScriptScan implements BoundaryScan {
  readonly buffer: Uint8Array
  #table: Int32Array = new Int32Array(256)

  constructor(capacity: number) {
    this.buffer = new Uint8Array(capacity)
  }

  use(table: Int32Array): void {
    this.#table = table
  }

  find(from: number, at: number, end: number, threshold: number): number {
    const bytes = this.buffer
    const table = this.#table
    let hash = 0
    for (let place = from; place < at; place++) hash = ((hash << 1) + (table[bytes[place] ?? 0] ?? 0)) | 0
    for (let place = at; place < end; place++) {
      hash = ((hash << 1) + (table[bytes[place] ?? 0] ?? 0)) | 0
      if (hash < threshold) return place
    }
    return -1
  }
}
