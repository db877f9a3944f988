import { join } from 'node:path'
import { packNumber } from '../chunks/pack-format.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { reserveOf } from './cache-limits.ts'

const enough = 16 * 1024 * 1024

/**
 * Before the stores of a cache are opened on a disk that is full to the last byte: even what makes room has to be written
 * down, so packs go first, the oldest ones, and the index finds out. Returns how many went.
 */
export function freePacks(
  fs: Pick<FileSystem, 'free' | 'list' | 'stat' | 'unlink'>,
  directory: string,
): number {
  const packs = join(directory, 'packs')
  if (fs.stat(packs) === undefined) return 0
  const numbers = fs
    .list(packs)
    .flatMap(({ name }) => (packNumber(name) === undefined ? [] : [name]))
    .toSorted((left, right) => (packNumber(left) ?? 0) - (packNumber(right) ?? 0))
  let used = 0
  for (const name of numbers) used += fs.stat(join(packs, name))?.size ?? 0
  const goal = Math.min(enough, reserveOf(fs.free(packs) + used) / 4)
  let gone = 0
  for (const name of numbers) {
    if (fs.free(packs) >= goal) break
    fs.unlink(join(packs, name))
    gone++
  }
  return gone
}
