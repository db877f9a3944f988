import type { BoundaryScan } from '../content/boundary-scan.ts'
import { Chunker, createScan, gearTable } from '../content/chunker.ts'
import type { ContentKeys } from '../content/content.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import { toHex } from '../ids.ts'

/** Read at once, besides what is left of the chunk before. */
export const readBytes = 2 * 1024 * 1024
const maximumChunkers = 64

/** One for this thread, since a job has it to itself. */
let scan: BoundaryScan | undefined
const chunkers = new Map<string, Chunker>()

/** A folder's chunker on the memory of this thread, which has room for its largest chunk and `readBytes`. */
export function chunkerFor(keys: ContentKeys, parameters: ChunkerParameters): Chunker {
  const capacity = parameters.maximum + readBytes
  if (scan === undefined || scan.buffer.length < capacity) {
    scan = createScan(capacity)
    chunkers.clear()
  }
  const { minimum, target, maximum } = parameters
  const name = `${toHex(keys.boundaries)}/${minimum}/${target}/${maximum}`
  const known = chunkers.get(name)
  if (known !== undefined) return known
  const made = new Chunker(scan, gearTable(keys), parameters)
  if (chunkers.size >= maximumChunkers) chunkers.clear()
  chunkers.set(name, made)
  return made
}
