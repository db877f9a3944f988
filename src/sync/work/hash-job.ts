import { errorCode } from '../../base/errors.ts'
import { chunkKeyOf, sealedId, sealWith } from '../content/chunk-seal.ts'
import type { Chunker } from '../content/chunker.ts'
import { largestChunk } from '../content/chunker.ts'
import { nodeContentSuite } from '../content/content-suite.ts'
import type { ContentKeys } from '../content/content.ts'
import { faultOf } from '../disk/disk-fault.ts'
import { samePrint } from '../disk/file-system.ts'
import type { FileStat, FileSystem } from '../disk/file-system.ts'
import { concatBytes } from '../format/cbor.ts'
import type { HashedFile, HashJob, HashResult } from './job.ts'
import { ResultMemory, RowsWriter } from './rows-writer.ts'
import { chunkerFor } from './thread-chunkers.ts'
import { workErrors } from './work-errors.ts'

const suite = nodeContentSuite
const changing = { state: 'changing' } as const
const missing = { state: 'missing' } as const

export function runHash(fs: FileSystem, job: HashJob): HashResult {
  if (job.chunker.maximum > largestChunk) {
    const fault = { code: 'WORK_CHUNKS_TOO_LARGE', message: workErrors.WORK_CHUNKS_TOO_LARGE.summary }
    return { files: job.files.map(() => ({ state: 'failed', fault })) }
  }
  const reader = new FileHasher(fs, job)
  return { files: job.files.map(({ path }) => reader.hash(path)) }
}

class FileHasher {
  readonly #fs: FileSystem
  readonly #keys: ContentKeys
  readonly #maximum: number
  readonly #keepUpTo: number
  readonly #chunker: Chunker
  readonly #memory = new ResultMemory()
  readonly #rows = new RowsWriter(this.#memory)
  readonly #content = suite.hasher()
  readonly #halted: Uint8Array | undefined
  #sealed: Uint8Array[] = []

  constructor(fs: FileSystem, job: HashJob) {
    this.#fs = fs
    this.#keys = job.keys
    this.#maximum = job.chunker.maximum
    this.#keepUpTo = job.keepUpTo
    this.#chunker = chunkerFor(job.keys, job.chunker)
    this.#halted = job.halted === undefined ? undefined : new Uint8Array(job.halted)
  }

  hash(path: string): HashedFile {
    try {
      const stat = this.#fs.stat(path)
      if (stat === undefined) return missing
      if (stat.kind === 'symlink') return this.#readLink(path, stat)
      // Not what it was when it was listed.
      if (stat.kind !== 'file') return changing
      return this.#hashFile(path, stat)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return missing
      // Another kind of thing took its place between two calls.
      if (code === 'ELOOP' || code === 'EINVAL' || code === 'EISDIR') return changing
      return { state: 'failed', fault: faultOf(error) }
    }
  }

  #readLink(path: string, stat: FileStat): HashedFile {
    const target = this.#fs.readSymlink(path)
    const after = this.#fs.stat(path)
    if (after === undefined || !samePrint(stat, after)) return changing
    return { state: 'symlink', stat, target }
  }

  #hashFile(path: string, stat: FileStat): HashedFile {
    this.#rows.clear()
    this.#sealed = []
    const file = this.#fs.open(path, 'read')
    try {
      const hash = this.#read(file, stat)
      if (hash === undefined) return changing
      const rows = this.#rows.take()
      const keeps = stat.size <= this.#keepUpTo
      return { state: 'hashed', stat, hash, rows, sealed: keeps ? this.#allSealed() : undefined }
    } finally {
      this.#fs.close(file)
    }
  }

  /** The hash of the content; undefined as soon as the file is seen to change. */
  #read(file: number, stat: FileStat): string | undefined {
    const { buffer } = this.#chunker
    const { size } = stat
    this.#content.reset()
    let position = 0
    let at = 0
    let end = 0
    for (;;) {
      if (position < size && end - at < this.#maximum) {
        buffer.copyWithin(0, at, end)
        end -= at
        at = 0
        if (this.#halted?.[0] === 1) return undefined
        const part = buffer.subarray(end, Math.min(buffer.length, end + size - position))
        const isRead = this.#fs.read(file, part, position) === part.length
        if (!isRead || !samePrint(stat, this.#fs.statFile(file))) return undefined
        position += part.length
        end += part.length
      }
      if (at === end) break
      const next = this.#chunker.cut(at, end, position === size)
      const chunk = buffer.subarray(at, next)
      this.#addChunk(chunk, size)
      this.#content.update(chunk)
      at = next
    }
    return this.#content.digest()
  }

  #addChunk(chunk: Uint8Array, size: number): void {
    const key = chunkKeyOf(this.#keys, chunk)
    if (size > this.#keepUpTo) {
      this.#rows.add(sealedId(key, chunk), key, chunk.length)
      return
    }
    const sealed = sealWith(key, chunk)
    this.#rows.add(suite.hash(sealed), key, chunk.length)
    this.#sealed.push(sealed)
  }

  #allSealed(): Uint8Array {
    const [first] = this.#sealed
    return first !== undefined && this.#sealed.length === 1 ? first : concatBytes(...this.#sealed)
  }
}
