/**
 * The cipher of wire v1: AES-128-CFB with a key from the token, one continuous stream per direction that starts
 * with its IV in clear. For the control connection, and for the payload of proxies with useEncryption.
 * NOTE: it has no MAC: changed bytes and a wrong token show only as garbage. TLS is what protects.
 */
import { createCipheriv, createDecipheriv, pbkdf2Sync, type Cipheriv, type Decipheriv } from 'node:crypto'

const algorithm = 'aes-128-cfb'
const ivBytes = 16

/** A process has one token, so the last key is worth keeping. */
let latest: { readonly authToken: string; readonly key: Buffer } | null = null

export function controlKey(authToken: string): Buffer {
  if (latest?.authToken !== authToken) {
    latest = { authToken, key: pbkdf2Sync(authToken, 'frp', 64, 16, 'sha1') }
  }
  return latest.key
}

export class CfbSealer {
  readonly #iv: Buffer
  readonly #cipher: Cipheriv
  #isFirst = true

  constructor(authToken: string, randomBytes: (count: number) => Buffer) {
    this.#iv = randomBytes(ivBytes)
    this.#cipher = createCipheriv(algorithm, controlKey(authToken), this.#iv)
  }

  /** What goes on the wire for these bytes; text is Latin-1. The result is the caller's. */
  seal(plain: Buffer | string): Buffer {
    const sealed =
      typeof plain === 'string' ? this.#cipher.update(plain, 'latin1') : this.#cipher.update(plain)
    if (!this.#isFirst) return sealed
    this.#isFirst = false
    return Buffer.concat([this.#iv, sealed])
  }
}

export class CfbOpener {
  readonly #key: Buffer
  readonly #iv = Buffer.alloc(ivBytes)
  #ivLength = 0
  #decipher: Decipheriv | null = null

  constructor(authToken: string) {
    this.#key = controlKey(authToken)
  }

  /** The clear bytes of what came; the result is the caller's. */
  open(sealed: Buffer): Buffer {
    if (this.#decipher !== null) return this.#decipher.update(sealed)
    const copied = sealed.copy(this.#iv, this.#ivLength)
    this.#ivLength += copied
    if (this.#ivLength < ivBytes) return Buffer.alloc(0)
    this.#decipher = createDecipheriv(algorithm, this.#key, this.#iv)
    return this.#decipher.update(sealed.subarray(copied))
  }
}
