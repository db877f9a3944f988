import { isChunk, sealWith } from '../content/chunk-seal.ts'
import { largestChunk } from '../content/chunker.ts'
import { sealedOverhead } from '../content/content.ts'
import { scratchBytes } from '../disk/chunk-reader.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { ChunkSource, ServeJob, ServeResult } from './job.ts'

/** Whatever stands in the way of reading a chunk: it is not there, and the caller looks elsewhere. */
export function runServe(fs: FileSystem, job: ServeJob): ServeResult {
  const files = new OpenFile(fs)
  try {
    return { sealed: job.chunks.map(({ id, source }) => readChunk(files, id, source)) }
  } finally {
    files.close()
  }
}

function readChunk(files: OpenFile, id: Uint8Array, source: ChunkSource): Uint8Array | undefined {
  const sealed = source.in === 'file' ? sealedFrom(files, source) : packed(files, source)
  return sealed !== undefined && isChunk(id, sealed) ? sealed : undefined
}

function sealedFrom(files: OpenFile, source: ChunkSource & { in: 'file' }): Uint8Array | undefined {
  const { path, offset, length, key } = source
  if (length > largestChunk) return undefined
  const plaintext = scratchBytes(length)
  return files.read(path, plaintext, offset) ? sealWith(key, plaintext) : undefined
}

function packed(files: OpenFile, source: ChunkSource & { in: 'pack' }): Uint8Array | undefined {
  const { path, offset, sealedLength } = source
  if (sealedLength > largestChunk + sealedOverhead) return undefined
  const sealed = new Uint8Array(sealedLength)
  return files.read(path, sealed, offset) ? sealed : undefined
}

/** The file that was read last stays open: mostly the next chunk is in it as well. */
class OpenFile {
  readonly #fs: FileSystem
  #path = ''
  #file: number | undefined

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /** False if not all of it is there, or nothing can be read. */
  read(path: string, into: Uint8Array, offset: number): boolean {
    try {
      return this.#fs.read(this.#open(path), into, offset) === into.length
    } catch {
      return false
    }
  }

  close(): void {
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) this.#fs.close(file)
  }

  #open(path: string): number {
    if (this.#file !== undefined && this.#path === path) return this.#file
    this.close()
    const file = this.#fs.open(path, 'read')
    this.#path = path
    this.#file = file
    return file
  }
}
