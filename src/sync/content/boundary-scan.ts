/**
 * The hot loop of the chunker: a gear hash is rolled over bytes until it falls below a threshold. Two implementations
 * that find the same: `script-scan.ts` is the reference, `wasm-scan.ts` 2.5 times as fast.
 */
export interface BoundaryScan {
  /** Where the bytes must lie: a scan reads its own memory only. */
  readonly buffer: Uint8Array
  /** 256 numbers, one for each byte value; of the folder that is scanned next. */
  use(table: Int32Array): void
  /**
   * The place in `buffer` of the first byte from `at` on where the hash is below `threshold`, both read as signed numbers;
   * -1 if there is none before `end`. The hash is of that byte and those before it back to `from`, at most 32 of them:
   * each byte doubles what is there and adds its number of the table.
   */
  find(from: number, at: number, end: number, threshold: number): number
}

/** Each byte shifts the hash by one bit, so after 32 a byte is forgotten. */
export const gearWindow = 32
