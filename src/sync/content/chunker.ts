import type { ChunkerParameters } from '../format/membership.ts'
import { gearWindow } from './boundary-scan.ts'
import type { BoundaryScan } from './boundary-scan.ts'
import { nodeContentSuite } from './content-suite.ts'
import type { ContentSuite } from './content-suite.ts'
import type { ContentKeys } from './content.ts'
import { ScriptScan } from './script-scan.ts'
import { wasmEngine } from './wasm-bytes.ts'
import { WasmScan } from './wasm-scan.ts'

/** Chunks that this program handles: whole ones are held in memory. Folders of others may say what they like. */
export const largestChunk = 16 * 1024 * 1024

/** Below the target a boundary is this many times rarer than one in `target`, above it as many times more frequent. */
const normalisation = 4

/** Cuts contents where the content says so: an insertion moves the boundaries around it, and no others. */
export class Chunker {
  readonly #scan: BoundaryScan
  readonly #table: Int32Array
  readonly #parameters: ChunkerParameters
  /** Of 2^32 hashes so many are a boundary, as the signed number above them. */
  readonly #rare: number
  readonly #frequent: number

  constructor(scan: BoundaryScan, table: Int32Array, parameters: ChunkerParameters) {
    this.#scan = scan
    this.#table = table
    this.#parameters = parameters
    this.#rare = thresholdOf(1 / (parameters.target * normalisation))
    this.#frequent = thresholdOf(normalisation / parameters.target)
  }

  /** The bytes to cut are put here. It may be shared with other chunkers, so not across calls of somebody else. */
  get buffer(): Uint8Array {
    return this.#scan.buffer
  }

  /**
   * Where in the buffer the chunk ends that begins at `from`; `to` is where the content ends that is there yet. Unless
   * this `isEnd`, as much as the largest chunk must be there.
   */
  cut(from: number, to: number, isEnd: boolean): number {
    const { minimum, target, maximum } = this.#parameters
    const most = Math.min(to, from + maximum)
    if (!isEnd && most < from + maximum) throw new RangeError('less than a chunk')
    if (most - from <= minimum) return most
    const scan = this.#scan
    scan.use(this.#table)
    const first = from + minimum - 1
    const middle = Math.min(most, from + target)
    let found = scan.find(Math.max(from, first - gearWindow + 1), first, middle, this.#rare)
    if (found < 0) found = scan.find(Math.max(from, middle - gearWindow + 1), middle, most, this.#frequent)
    return found < 0 ? most : found + 1
  }
}

/** The numbers of a folder's gear hash. */
export function gearTable(keys: ContentKeys, suite: ContentSuite = nodeContentSuite): Int32Array {
  const table = new Int32Array(256)
  for (let first = 0; first < 256; first += 8) {
    const digest = suite.keyedHash(keys.boundaries, Uint8Array.of(first >> 3))
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength)
    for (let index = 0; index < 8; index++) table[first + index] = view.getInt32(index * 4, true)
  }
  return table
}

/** `capacity`: of its buffer. */
export function createScan(capacity: number): BoundaryScan {
  return wasmEngine === undefined ? new ScriptScan(capacity) : new WasmScan(wasmEngine, capacity)
}

function thresholdOf(share: number): number {
  return Math.min(Math.floor(share * 0x1_0000_0000), 0xffff_ffff) - 0x8000_0000
}
