import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import { toHex } from '../../../src/sync/ids.ts'

/** A content that a user's file had at some moment, whole. */
interface Content {
  readonly size: number
  /** Who wrote it where, for texts. */
  readonly what: string
  /** Devices on whose disk it was and whose user did not do away with it. */
  readonly holders: Set<string>
}

/** Everything that users ever wrote: no other bytes may stand in a file at any time, and none of these be lost. */
export class Ledger {
  readonly #contents = new Map<string, Content>()

  constructor() {
    this.#contents.set(hashOf(new Uint8Array(0)), { size: 0, what: 'nothing', holders: new Set() })
  }

  get size(): number {
    return this.#contents.size
  }

  /** To be told before it is written. */
  written(bytes: Uint8Array, device: string, what: string): string {
    const hash = hashOf(bytes)
    this.#contents.set(hash, { size: bytes.length, what: `${device}: ${what}`, holders: new Set([device]) })
    return hash
  }

  knows(hash: string): boolean {
    return this.#contents.has(hash)
  }

  describe(hash: string): string {
    return this.#contents.get(hash)?.what ?? `unknown content ${hash.slice(0, 12)}`
  }

  /** Both devices show it. */
  shown(hash: string, device: string): void {
    this.#contents.get(hash)?.holders.add(device)
  }

  /** The user of that device overwrote or deleted it. */
  destroyed(hash: string | undefined, device: string): void {
    if (hash !== undefined) this.#contents.get(hash)?.holders.delete(device)
  }

  /** Nobody may be counted on to have it: a write raced with a replacement. */
  doubtful(hash: string): void {
    this.#contents.get(hash)?.holders.clear()
  }

  isHeld(hash: string): boolean {
    return (this.#contents.get(hash)?.holders.size ?? 0) > 0
  }

  *held(): Generator<string> {
    for (const [hash, { holders, size }] of this.#contents) if (holders.size > 0 && size > 0) yield hash
  }
}

/** As the log names contents, so that versions can be compared with what users wrote. */
export function hashOf(bytes: Uint8Array): string {
  return toHex(nodeContentSuite.hash(bytes))
}
