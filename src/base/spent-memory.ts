import { collector, type Collection } from './collector.ts'

/**
 * What a TLS connection reads lies in memory of its own for each record. The engine sees small objects only, and would
 * search all that it holds for them again and again; a collection of young objects finds them in about a millisecond.
 */
const collectAfter = 24 * 1024 * 1024

let collect: ((collection: Collection) => void) | undefined
let spent = 0

/** From now on, for this thread. */
export function collectSpentMemory(): void {
  collect ??= collector()
}

/** Bytes that have been read and are not needed any more. */
export function spend(bytes: number): void {
  if (collect === undefined) return
  spent += bytes
  if (spent < collectAfter) return
  spent = 0
  collect('minor')
}
