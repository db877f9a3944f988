import { toHex } from '../ids.ts'
import { discoveryLimits } from './discovery-limits.ts'

/** The own beacons of late, so that one that comes back is known, and on which interface it was sent. */
export class NonceBook {
  readonly #owners = new Map<string, () => void>()

  add(nonce: Uint8Array, onReturn: () => void): void {
    this.#owners.set(toHex(nonce), onReturn)
    for (const oldest of this.#owners.keys()) {
      if (this.#owners.size <= discoveryLimits.nonces) break
      this.#owners.delete(oldest)
    }
  }

  /** Whether it is an own one; its sender is told. */
  isOwn(nonce: Uint8Array): boolean {
    const onReturn = this.#owners.get(toHex(nonce))
    onReturn?.()
    return onReturn !== undefined
  }
}
