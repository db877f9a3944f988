import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export type Collection = 'minor' | 'major'

let found: ((collection: Collection) => void) | undefined

/** V8's garbage collector, for this thread. Undefined if the engine does not hand it out. */
export function collector(): ((collection: Collection) => void) | undefined {
  if (found !== undefined) return found
  // The only way to it without a flag on the command line. The flag counts for contexts made after it.
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext("typeof gc === 'function' ? gc : undefined")
  if (typeof gc === 'function') {
    found = (type) => void Reflect.apply(gc, undefined, [{ type, execution: 'sync' }])
  }
  return found
}
