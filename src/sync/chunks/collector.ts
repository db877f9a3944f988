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

  #copySome(pack: PackState): number {
    const chunks: SealedChunk[] = this.#sealed.ofPack(pack.number, -1, 256)
    let copied = 0
    for (const { chunk, sealed } of readSealed(chunks, this.#sealed, this.#hash)) {
      this.#sealed.remove(chunk)
      // A damaged one is not carried on.
      if (sealed === undefined) continue
      this.#sealed.append(chunk.id, sealed)
      copied += recordHeadLength + sealed.length
    }
    this.#sealed.flush()
    // The index and the table do not agree: nothing of it can be found.
    if (chunks.length === 0) pack.chunks = 0
    return copied
  }
}
