import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Ciphers give each result in memory of its own, and the engine, which sees small objects only, frees it late: a thread
 * that seals for minutes then always works on fresh pages, at up to twice the CPU and tens of megabytes more. So a thread
 * that does nothing else asks for a collection of young objects now and then, which takes it a fraction of a millisecond.
 */
const collectAfter = 8 * 1024 * 1024

let collect: (() => void) | undefined
let spent = 0

/** For worker threads: elsewhere there are many young objects, and looking through them would cost more than it gives. */
export function collectSpentMemory(): void {
  // The only way to the collector without a flag on the command line. The flag counts for contexts made after it.
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext("typeof gc === 'function' ? gc : undefined")
  if (typeof found === 'function') collect = () => void Reflect.apply(found, undefined, [{ type: 'minor' }])
}

/** Bytes of a result that will not be needed for long. */
export function spend(bytes: number): void {
  if (collect === undefined) return
  spent += bytes
  if (spent < collectAfter) return
  spent = 0
  collect()
}
