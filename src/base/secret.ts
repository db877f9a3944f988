import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

/** A value that never prints itself: logs, JSON and error texts show `[secret]`. */
export class Secret {
  readonly #value: string
  readonly #digest: Buffer

  constructor(value: string) {
    this.#value = value
    this.#digest = digest(value)
  }

  /** Constant-time comparison over keyed digests, so neither content nor length leaks (weakness W1). */
  equals(candidate: string): boolean {
    return timingSafeEqual(this.#digest, digest(candidate))
  }

  /** The only way to the value; every caller is a place to review. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

const processKey = randomBytes(32)

function digest(value: string): Buffer {
  return createHmac('sha256', processKey).update(value, 'latin1').digest()
}
