import { transientBytes, type Wire } from '../../net/wire.ts'
import { headerBytes, writeHeader } from './frame.ts'
import type { ByteQueue } from './byte-queue.ts'

/**
 * Where the batches of all sessions put headers and small payloads side by side. A batch that the wire took
 * gives its part back; one that it did not take leaves it to the wire, and the rest of the arena goes on.
 */
let arena = Buffer.allocUnsafeSlow(0)
let arenaAt = 0
const arenaBytes = 65_536

/** Frames that leave together: one cork and uncork of the wire, as few writes as possible. */
export class OutputBatch {
  /** Everything added, headers included. */
  bytes = 0
  readonly #wire: Wire
  #isCorked = false
  /** Where in the arena the batch began; null once it cannot be given back in one piece. */
  #from: number | null = arenaAt
  #unwritten = arenaAt

  constructor(wire: Wire) {
    this.#wire = wire
  }

  addHeader(word: number, streamId: number, length: number): void {
    this.#reserve(headerBytes)
    writeHeader(arena, arenaAt, word, streamId, length)
    arenaAt += headerBytes
    this.bytes += headerBytes
  }

  /** Small ones are copied; large ones are written as they are, and must not change while the wire is blocked. */
  add(bytes: Buffer): void {
    this.bytes += bytes.length
    if (bytes.length > transientBytes) {
      this.#writeArena()
      this.#write(bytes)
      return
    }
    this.#reserve(bytes.length)
    bytes.copy(arena, arenaAt)
    arenaAt += bytes.length
  }

  addFrom(queue: ByteQueue, count: number): void {
    for (let left = count; left > 0;) {
      const bytes = queue.take(left)
      this.add(bytes)
      left -= bytes.length
    }
  }

  /** As the wire's `uncork`: false if it did not take everything. */
  leave(): boolean {
    this.#writeArena()
    if (!this.#isCorked) return true
    const [ours, to] = [arena, arenaAt]
    const isTaken = this.#wire.uncork()
    if (isTaken && this.#from !== null && arena === ours && arenaAt === to) arenaAt = this.#from
    return isTaken
  }

  #reserve(count: number): void {
    if (arena.length - arenaAt >= count) return
    this.#writeArena()
    arena = Buffer.allocUnsafeSlow(arenaBytes)
    arenaAt = 0
    this.#unwritten = 0
    this.#from = null
  }

  #writeArena(): void {
    if (this.#unwritten < arenaAt) this.#write(arena.subarray(this.#unwritten, arenaAt))
  }

  #write(bytes: Buffer): void {
    if (!this.#isCorked) this.#wire.cork()
    this.#isCorked = true
    const [ours, to] = [arena, arenaAt]
    this.#wire.write(bytes)
    // NOTE: a wire in memory may run other sessions inside the call, whose batches use the arena too.
    if (arena !== ours || arenaAt !== to) this.#from = null
    this.#unwritten = arenaAt
  }
}
