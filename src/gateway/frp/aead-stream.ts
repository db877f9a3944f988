/**
 * The control connection's cipher in wire v2: AES-256-GCM in records. Per direction a nonce in clear, then
 * records of u32 length, ciphertext and tag. The nonce counts up by one per record; the first nonce and the
 * length are authenticated with it. Record boundaries mean nothing to the frames inside.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { ByteReader } from './byte-reader.ts'
import { frpError } from './errors.ts'
import { aeadAlgorithm } from './hello.ts'

const nonceBytes = 12
const tagBytes = 16
const maxRecordBytes = 65_536

export interface AeadKeys {
  readonly clientToServer: Buffer
  readonly serverToClient: Buffer
}

/** The hellos are their JSON bytes as they were sent. */
export function deriveAeadKeys(authToken: string, clientHello: Buffer, serverHello: Buffer): AeadKeys {
  const hash = createHash('sha256').update('frp wire v2 crypto transcript')
  for (const [label, hello] of [
    ['client hello', clientHello],
    ['server hello', serverHello],
  ] as const) {
    const length = Buffer.alloc(8)
    length.writeUInt32BE(hello.length, 4)
    hash.update(`\0${label}\0`).update(length).update(hello)
  }
  const transcript = hash.digest()
  const key = (direction: string): Buffer => {
    const info = `frp wire v2 control aead ${aeadAlgorithm} ${direction}`
    return Buffer.from(hkdfSync('sha256', authToken, transcript, info, 32))
  }
  return { clientToServer: key('client-to-server'), serverToClient: key('server-to-client') }
}

export class AeadSealer {
  readonly #key: Buffer
  readonly #nonce: Nonce
  #isFirst = true

  constructor(key: Buffer, randomBytes: (count: number) => Buffer) {
    this.#key = key
    this.#nonce = new Nonce(randomBytes(nonceBytes))
  }

  /** One record for up to 64 KiB, more for more. */
  seal(plain: Buffer): Buffer {
    const parts: Buffer[] = []
    if (this.#isFirst) parts.push(this.#nonce.first)
    this.#isFirst = false
    for (let at = 0; at < plain.length; at += maxRecordBytes) {
      const piece = plain.subarray(at, at + maxRecordBytes)
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32BE(piece.length + tagBytes)
      const cipher = createCipheriv(aeadAlgorithm, this.#key, this.#nonce.take())
      cipher.setAAD(Buffer.concat([this.#nonce.first, length]))
      parts.push(length, cipher.update(piece), cipher.final(), cipher.getAuthTag())
    }
    return Buffer.concat(parts)
  }
}

export class AeadOpener {
  readonly #key: Buffer
  readonly #bytes = new ByteReader()
  #nonce: Nonce | null = null

  constructor(key: Buffer) {
    this.#key = key
  }

  /** The clear bytes of the records that are complete; throws FRP_RECORD_FORGED and FRP_MESSAGE_TOO_LARGE. */
  open(sealed: Buffer): Buffer {
    this.#bytes.give(sealed)
    const pieces: Buffer[] = []
    if (this.#nonce === null) {
      const first = this.#bytes.take(nonceBytes)
      if (first !== null) this.#nonce = new Nonce(Buffer.from(first))
    }
    if (this.#nonce !== null) {
      for (let piece = this.#next(this.#nonce); piece !== null; piece = this.#next(this.#nonce)) {
        pieces.push(piece)
      }
    }
    this.#bytes.keep()
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }

  #next(nonce: Nonce): Buffer | null {
    const length = this.#bytes.peek(4)?.readUInt32BE(0)
    if (length === undefined) return null
    if (length < tagBytes) throw frpError('FRP_RECORD_FORGED', `a record of ${length} bytes has no tag`)
    if (length > maxRecordBytes + tagBytes) {
      throw frpError('FRP_MESSAGE_TOO_LARGE', `a record of ${length} bytes, the limit is ${maxRecordBytes}`)
    }
    const record = this.#bytes.take(4 + length)
    if (record === null) return null
    const tagAt = record.length - tagBytes
    const decipher = createDecipheriv(aeadAlgorithm, this.#key, nonce.take(), { authTagLength: tagBytes })
    decipher.setAAD(Buffer.concat([nonce.first, record.subarray(0, 4)]))
    decipher.setAuthTag(record.subarray(tagAt))
    const plain = decipher.update(record.subarray(4, tagAt))
    try {
      decipher.final()
    } catch {
      throw frpError('FRP_RECORD_FORGED', 'an encrypted record does not decrypt')
    }
    return plain
  }
}

/** A number of 96 bits, big-endian, that counts up. */
class Nonce {
  readonly first: Buffer
  readonly #next: Buffer

  constructor(first: Buffer) {
    this.first = first
    this.#next = Buffer.from(first)
  }

  /** Valid until the next call. */
  take(): Buffer {
    const nonce = Buffer.from(this.#next)
    for (let at = this.#next.length - 1; at >= 0; at -= 1) {
      const byte = ((this.#next[at] ?? 0) + 1) & 0xff
      this.#next[at] = byte
      if (byte !== 0) break
    }
    return nonce
  }
}
