import type { ChunkStore } from '../chunks/chunk-store.ts'
import { isChunk } from '../content/chunk-seal.ts'
import type { ChunkRows, ContentKeys } from '../content/content.ts'
import { contentIds, joinPieces, joinRows, readManifest } from '../content/manifest.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { FormatError } from '../format/format-error.ts'
import type { PutFile } from '../format/operation.ts'
import type { DeviceId, EntryHash } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { ChunkFetcher, ChunkTaker } from '../transfer/chunk-fetcher.ts'
import { runServe } from '../work/serve-job.ts'
import { idOf, sealedLength } from './download.ts'
import type { VersionSource } from './version-source.ts'

export interface VersionBookParts {
  readonly replica: Replica
  readonly chunks: ChunkStore
  readonly keys: ContentKeys
  readonly fs: FileSystem
  /** Bytes of plaintext in a chunk, at most: the folder's parameter. */
  readonly maximum: number
}

/** Why the chunks of a version are not known. */
export interface VersionProblem {
  readonly code: string
  readonly message: string
}

interface Outline {
  readonly operation: PutFile
  /** Undefined if it stayed behind its entry and is not here. */
  readonly chunkList: Uint8Array | undefined
  readonly list: { readonly hash: string; readonly count: number } | undefined
}

const nothing = new Uint8Array(0)
/** Rows of large versions are read again and again while they are fetched. */
const cachedRows = 4
const cachedFrom = 256

/** The chunks of versions: from the log, from lists and pieces of manifests in the store, or from other devices. */
export class VersionBook implements VersionSource {
  readonly #parts: VersionBookParts
  readonly #cache = new Map<EntryHash, ChunkRows>()

  constructor(parts: VersionBookParts) {
    this.#parts = parts
  }

  rows(version: EntryHash): ChunkRows | undefined {
    const cached = this.#cache.get(version)
    if (cached !== undefined) return cached
    const outline = this.#outline(version)
    if (outline?.chunkList === undefined) return undefined
    try {
      const rows = this.#join(outline.operation, outline.chunkList)
      if (rows !== undefined && rows.lengths.length >= cachedFrom) this.#remember(version, rows)
      return rows
    } catch (error) {
      if (error instanceof FormatError) return undefined
      throw error
    }
  }

  pieces(version: EntryHash): readonly Uint8Array[] {
    const outline = this.#outline(version)
    if (outline === undefined) return []
    try {
      const manifest = readManifest(outline.operation.content.manifest)
      if (manifest.type === 'inline') return []
      return Array.from(manifest.pieces.lengths, (_, piece) => idOf(manifest.pieces, piece))
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    }
  }

  /** Fetches what `rows` lacks. Undefined: it is here now. Waits until somebody has it: `signal` ends that. */
  async complete(
    version: EntryHash,
    fetcher: ChunkFetcher,
    signal: AbortSignal,
  ): Promise<VersionProblem | undefined> {
    const outline = this.#outline(version)
    if (outline === undefined) {
      return { code: 'FOLDER_CHUNKS_UNKNOWN', message: 'the version is not in the log' }
    }
    const { list } = outline
    let { chunkList } = outline
    if (chunkList === undefined && list !== undefined) {
      try {
        chunkList = await fetcher.wantList(list.hash, list.count, signal)
      } catch (error) {
        return {
          code: 'FOLDER_CHUNKS_UNKNOWN',
          message: `the list of its chunks is not to be had: ${String(error)}`,
        }
      }
      this.#parts.chunks.addList(list.hash, chunkList)
    }
    try {
      const manifest = readManifest(outline.operation.content.manifest)
      if (manifest.type === 'spilled') await this.#fetchPieces(manifest.pieces, fetcher, signal)
      if (this.#join(outline.operation, chunkList ?? nothing) !== undefined) return undefined
      return { code: 'FOLDER_CHUNKS_UNKNOWN', message: 'the list of its chunks is not to be had' }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      return {
        code: 'FOLDER_WRONG_CONTENT',
        message: `its author wrote an impossible manifest: ${error.message}`,
      }
    }
  }

  /** Of a put; undefined if there are no chunks, or the list is not here. */
  chunkList(entry: LogEntry): Uint8Array | undefined {
    return this.#outline(entry.hash)?.chunkList
  }

  #outline(version: EntryHash): Outline | undefined {
    const { replica, chunks } = this.#parts
    const entry = replica.log.entry(version)
    if (entry?.operation?.type !== 'put') return undefined
    const { operation } = entry
    const record = replica.log.record(entry)
    const list = record.meta.chunks
    if (list === undefined) return { operation, chunkList: nothing, list }
    return { operation, chunkList: record.chunkList ?? chunks.list(list.hash), list }
  }

  /** Undefined if a piece of the manifest is not here. Throws FormatError for what no device can use. */
  #join(operation: PutFile, chunkList: Uint8Array): ChunkRows | undefined {
    const { size, manifest: bytes } = operation.content
    const expected = { size, maximum: this.#parts.maximum }
    const manifest = readManifest(bytes)
    if (manifest.type === 'inline') return joinRows(bytes, chunkList, expected)
    const { pieces } = manifest
    const sealed = Array.from(pieces.lengths, (_, piece) => this.#read(idOf(pieces, piece)))
    if (sealed.includes(undefined)) return undefined
    const joined = joinPieces(this.#parts.keys, manifest, (piece) => sealed[piece] ?? nothing)
    if ('bad' in joined) return undefined
    return joinRows(joined.bytes, contentIds(chunkList, manifest), expected)
  }

  #read(id: Uint8Array): Uint8Array | undefined {
    const { chunks, fs } = this.#parts
    const source = chunks.find(id)
    if (source === undefined) return undefined
    const [sealed] = runServe(fs, { chunks: [{ id, source }] }).sealed
    if (sealed === undefined) chunks.forget(id, source)
    return sealed
  }

  async #fetchPieces(pieces: ChunkRows, fetcher: ChunkFetcher, signal: AbortSignal): Promise<void> {
    const missing: number[] = []
    for (let piece = 0; piece < pieces.lengths.length; piece++) {
      if (!this.#parts.chunks.has(idOf(pieces, piece))) missing.push(piece)
    }
    if (missing.length > 0) await new PieceTaker(this.#parts, pieces, missing).fetch(fetcher, signal)
  }

  #remember(version: EntryHash, rows: ChunkRows): void {
    this.#cache.set(version, rows)
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= cachedRows) break
      this.#cache.delete(oldest)
    }
  }
}

/** Takes the pieces of one manifest into the store; the store's readers verify them. */
class PieceTaker implements ChunkTaker {
  readonly #parts: VersionBookParts
  readonly #pieces: ChunkRows
  readonly #missing: Set<number>
  readonly #done = Promise.withResolvers<undefined>()

  constructor(parts: VersionBookParts, pieces: ChunkRows, missing: readonly number[]) {
    this.#parts = parts
    this.#pieces = pieces
    this.#missing = new Set(missing)
  }

  /** After an abort some are still missing. */
  async fetch(fetcher: ChunkFetcher, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const abort = (): void => {
      fetcher.cancel(this)
      this.#done.resolve(undefined)
    }
    signal.addEventListener('abort', abort, { once: true })
    for (const piece of this.#missing) {
      fetcher.want(idOf(this.#pieces, piece), sealedLength(this.#pieces, piece), this)
    }
    await this.#done.promise
    signal.removeEventListener('abort', abort)
  }

  take(id: Uint8Array, sealed: Uint8Array, _peer: DeviceId): 'ok' | 'bad' {
    const pieces = this.#pieces
    if (!isChunk(id, sealed)) return 'bad'
    for (const piece of this.#missing) {
      if (Buffer.compare(idOf(pieces, piece), id) !== 0) continue
      this.#missing.delete(piece)
      const row = {
        ids: idOf(pieces, piece),
        keys: pieces.keys.subarray(piece * 32, piece * 32 + 32),
        lengths: pieces.lengths.subarray(piece, piece + 1),
      }
      this.#parts.chunks.addSealed(row, sealed)
    }
    if (this.#missing.size === 0) this.#done.resolve(undefined)
    return 'ok'
  }
}
