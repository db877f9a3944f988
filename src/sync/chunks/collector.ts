import type { PackFiles } from './pack-files.ts'
import { packHeadLength, recordHeadLength } from './pack-format.ts'
import type { PackState, PackTable } from './pack-table.ts'
import { readSealed } from './read-sealed.ts'
import type { ChunkHash } from './read-sealed.ts'
import type { SealedChunk, SealedChunks } from './sealed-chunks.ts'

/** Chunks that one call looks at, and copies out of packs that are mostly holes. */
const lookedAt = 20_000
const copiedBytes = 32 * 1024 * 1024

/**
 * Takes out what nobody wants any more: first the index's rows, all packs through, then packs of which less than half is
 * needed: that part is copied to the end of the current pack, and the file goes after the commit that says so.
 */
export class Collector {
  readonly #sealed: SealedChunks
  readonly #packs: PackTable
  readonly #files: PackFiles
  readonly #hash: ChunkHash
  #at = { pack: 0, offset: 0 }

  constructor(sealed: SealedChunks, packs: PackTable, files: PackFiles, hash: ChunkHash) {
    this.#sealed = sealed
    this.#packs = packs
    this.#files = files
    this.#hash = hash
  }

  step(isWanted: (id: Uint8Array) => boolean): { readonly freedBytes: number; readonly done: boolean } {
    const chunks = this.#sealed.after(this.#at.pack, this.#at.offset, lookedAt)
    const last = chunks.at(-1)
    if (last === undefined) return this.#rewrite()
    const unwanted = chunks.filter(({ id }) => !isWanted(id))
    for (const chunk of unwanted) this.#sealed.remove(chunk)
    this.#at = last
    return { freedBytes: 0, done: false }
  }

  /**
   * For who takes chunks out one by one: the pack with most to gain, if more than this share of it is holes. About so
   * many bytes are copied in one call.
   */
  compact(holes: number, copyBytes: number): { readonly freedBytes: number; readonly done: boolean } {
    let found: PackState | undefined
    let most = holes
    for (const pack of this.#packs.all()) {
      const share = pack.chunks === 0 ? 1 : 1 - pack.live / Math.max(1, pack.size - packHeadLength)
      if (share < most || (share === most && found !== undefined)) continue
      found = pack
      most = share
    }
    if (found === undefined) return { freedBytes: 0, done: true }
    if (this.#files.current?.number === found.number) this.#files.end()
    let copied = 0
    while (copied < copyBytes && found.chunks > 0) copied += this.#copySome(found, 8)
    if (found.chunks > 0) return { freedBytes: 0, done: false }
    this.#packs.doom(found.number)
    return { freedBytes: found.size, done: false }
  }

  /** Without room for a copy: takes out all chunks of the pack with least in it, and says which. */
  dropLeast(): SealedChunk[] {
    let least: PackState | undefined
    for (const pack of this.#packs.all()) if (least === undefined || pack.live < least.live) least = pack
    if (least === undefined) return []
    if (this.#files.current?.number === least.number) this.#files.end()
    const chunks = this.#sealed.ofPack(least.number, -1, -1)
    for (const chunk of chunks) this.#sealed.remove(chunk)
    this.#packs.doom(least.number)
    return chunks
  }

  #rewrite(): { readonly freedBytes: number; readonly done: boolean } {
    const pack = this.#mostlyHoles()
    if (pack === undefined) {
      this.#at = { pack: 0, offset: 0 }
      return { freedBytes: 0, done: true }
    }
    // What is alive in the growing pack goes into another one.
    if (this.#files.current?.number === pack.number) this.#files.end()
    let copied = 0
    while (copied < copiedBytes && pack.chunks > 0) copied += this.#copySome(pack)
    if (pack.chunks > 0) return { freedBytes: 0, done: false }
    this.#packs.doom(pack.number)
    return { freedBytes: Math.max(0, pack.size - copied), done: false }
  }

  #mostlyHoles(): PackState | undefined {
    for (const pack of this.#packs.all()) {
      if (pack.live * 2 < pack.size - packHeadLength || pack.chunks === 0) return pack
    }
    return undefined
  }

  #copySome(pack: PackState, limit = 256): number {
    const chunks: SealedChunk[] = this.#sealed.ofPack(pack.number, -1, limit)
    let copied = 0
    for (const { chunk, sealed } of readSealed(chunks, this.#sealed, this.#hash)) {
      // A damaged one is not carried on.
      if (sealed === undefined) {
        this.#sealed.lose(chunk)
        continue
      }
      this.#sealed.remove(chunk)
      this.#sealed.append(chunk.id, sealed)
      copied += recordHeadLength + sealed.length
    }
    this.#sealed.flush()
    // The index and the table do not agree: nothing of it can be found.
    if (chunks.length === 0) pack.chunks = 0
    return copied
  }
}
