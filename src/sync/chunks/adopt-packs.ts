import { sealedOverhead } from '../content/content.ts'
import type { PackFiles } from './pack-files.ts'
import { packHeadLength, packName, readPackHead, readRecordHead, recordHeadLength } from './pack-format.ts'
import type { PackTable } from './pack-table.ts'
import { isSame } from './read-sealed.ts'
import type { ChunkHash } from './read-sealed.ts'
import type { SealedChunks } from './sealed-chunks.ts'

export interface PackParts {
  readonly files: PackFiles
  readonly packs: PackTable
  readonly sealed: SealedChunks
  readonly hash: ChunkHash
  /** Told what was found, for the log. */
  readonly onProblem: (message: string) => void
}

/** Larger than any chunk: what says that it has more is no record. */
const largestRecord = 64 * 1024 * 1024

/**
 * Brings index and files together when the store is opened: packs that went are forgotten, bytes behind the ends that
 * the index knows are cut off, packs that it does not know are read into it, every chunk verified. Those are all of them
 * if the index is new, and else one that had been begun when the machine stopped. Answers how many packs were read.
 */
export function adoptPacks(parts: PackParts): number {
  const { files, packs, onProblem } = parts
  for (const number of packs.takeDoomed()) files.remove(number)
  packs.forgetDoomed()
  const present = new Set(files.numbers())
  for (const pack of packs.all()) {
    const size = present.has(pack.number) ? (files.size(pack.number) ?? 0) : 0
    if (size > pack.size) files.cut(pack.number, pack.size)
    if (size >= pack.size) continue
    onProblem(`pack ${packName(pack.number)} has ${size} bytes of ${pack.size}: what is missing is forgotten`)
    parts.sealed.dropBehind(pack.number, size)
    if (size === 0) packs.doom(pack.number)
    else packs.grow(pack.number, size)
  }
  let adopted = 0
  for (const number of present) {
    packs.usedNumber(number)
    if (packs.get(number) === undefined && adopt(number, parts)) adopted++
  }
  return adopted
}

/** False for what is not ours, which stays, and for what holds nothing, which goes. */
function adopt(number: number, { files, packs, sealed, hash, onProblem }: PackParts): boolean {
  const head = readPackHead(files.read(number, 0, packHeadLength))
  if (head === 'foreign' || head === 'newer') {
    onProblem(`${files.path(number)} is no pack that this Harp can read: it is left alone`)
    return false
  }
  const size = files.size(number) ?? 0
  const pack = packs.add(number, size)
  let at = packHeadLength
  while (head === 'ours') {
    const headBytes = files.read(number, at, recordHeadLength)
    if (headBytes.length < recordHeadLength) break
    const { id, length } = readRecordHead(headBytes)
    const offset = at + recordHeadLength
    if (length <= sealedOverhead || length > largestRecord || offset + length > size) break
    const bytes = files.read(number, offset, length)
    if (isSame(hash(bytes), id) && !sealed.has(id)) sealed.point({ pack: number, offset, length, id })
    at = offset + length
  }
  if (at < size) onProblem(`pack ${packName(number)} cannot be read beyond byte ${at} of ${size}`)
  if (pack.chunks > 0) return true
  packs.doom(number)
  return false
}
