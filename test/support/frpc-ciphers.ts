/** The ciphers of frp: AES-128-CFB (control of wire v1, `use_encryption`) and the record AEAD of wire v2. */
import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHash,
  type Decipheriv,
  hkdfSync,
  pbkdf2Sync,
} from 'node:crypto'

/** Turns one write into the writes Go makes of it. */
export interface Sealer {
  seal(write: Buffer): Buffer[]
}

export interface Opener {
  open(bytes: Buffer): Buffer
}

export function privilegeKey(token: string, timestamp: number): string {
  return createHash('md5').update(`${token}${timestamp}`).digest('hex')
}

function cfbKey(token: string): Buffer {
  return pbkdf2Sync(token, 'frp', 64, 16, 'sha1')
}

export class CfbSealer implements Sealer {
  readonly #token: string
  readonly #iv: () => Buffer
  #cipher: Cipheriv | undefined

  constructor(token: string, iv: () => Buffer) {
    this.#token = token
    this.#iv = iv
  }

  /** The IV goes out alone, when there is something to send. */
  seal(write: Buffer): Buffer[] {
    if (this.#cipher !== undefined) return [this.#cipher.update(write)]
    const iv = this.#iv()
    this.#cipher = createCipheriv('aes-128-cfb', cfbKey(this.#token), iv)
    return [iv, this.#cipher.update(write)]
  }
}

export class CfbOpener implements Opener {
  readonly #token: string
  #iv: Buffer = Buffer.alloc(0)
  #decipher: Decipheriv | undefined

  constructor(token: string) {
    this.#token = token
  }

  open(bytes: Buffer): Buffer {
    if (this.#decipher !== undefined) return this.#decipher.update(bytes)
    this.#iv = Buffer.concat([this.#iv, bytes])
    if (this.#iv.length < 16) return Buffer.alloc(0)
    this.#decipher = createDecipheriv('aes-128-cfb', cfbKey(this.#token), this.#iv.subarray(0, 16))
    return this.#decipher.update(this.#iv.subarray(16))
  }
}

const nonceBytes = 12
const tagBytes = 16
const maxRecordBytes = 65_536 + tagBytes

/** The key of one direction, from the two hellos as they were on the wire. */
export function aeadKey(
  token: string,
  clientHello: Buffer,
  serverHello: Buffer,
  direction: 'client-to-server' | 'server-to-client',
): Buffer {
  const transcript = createHash('sha256')
    .update('frp wire v2 crypto transcript')
    .update(transcriptPart('client hello', clientHello))
    .update(transcriptPart('server hello', serverHello))
    .digest()
  const info = `frp wire v2 control aead aes-256-gcm ${direction}`
  return Buffer.from(hkdfSync('sha256', token, transcript, info, 32))
}

function transcriptPart(label: string, bytes: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(bytes.length))
  return Buffer.concat([Buffer.of(0), Buffer.from(label), Buffer.of(0), length, bytes])
}

function nextNonce(nonce: Buffer): Buffer {
  const next = Buffer.from(nonce)
  for (let at = next.length - 1; at >= 0; at -= 1) {
    next[at] = ((next[at] ?? 0) + 1) & 0xff
    if (next[at] !== 0) break
  }
  return next
}

export class AeadSealer implements Sealer {
  readonly #key: Buffer
  readonly #makeNonce: () => Buffer
  #first: Buffer | undefined
  #nonce: Buffer = Buffer.alloc(0)

  constructor(key: Buffer, makeNonce: () => Buffer) {
    this.#key = key
    this.#makeNonce = makeNonce
  }

  seal(write: Buffer): Buffer[] {
    const opening: Buffer[] = []
    if (this.#first === undefined) {
      this.#first = this.#makeNonce()
      this.#nonce = this.#first
      opening.push(this.#first)
    }
    const length = Buffer.alloc(4)
    length.writeUInt32BE(write.length + tagBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce)
    cipher.setAAD(Buffer.concat([this.#first, length]))
    const sealed = Buffer.concat([length, cipher.update(write), cipher.final(), cipher.getAuthTag()])
    this.#nonce = nextNonce(this.#nonce)
    return [...opening, sealed]
  }
}

export class AeadOpener implements Opener {
  readonly #key: Buffer
  #pending: Buffer = Buffer.alloc(0)
  #first: Buffer | undefined
  #nonce: Buffer = Buffer.alloc(0)

  constructor(key: Buffer) {
    this.#key = key
  }

  open(bytes: Buffer): Buffer {
    this.#pending = Buffer.concat([this.#pending, bytes])
    if (this.#first === undefined) {
      if (this.#pending.length < nonceBytes) return Buffer.alloc(0)
      this.#first = this.#take(nonceBytes)
      this.#nonce = this.#first
    }
    const plain: Buffer[] = []
    for (;;) {
      const length = this.#pending.length < 4 ? 0 : this.#pending.readUInt32BE(0)
      if (length > maxRecordBytes) throw new Error(`record of ${length} bytes`)
      if (this.#pending.length < 4 + length || length === 0) return Buffer.concat(plain)
      const header = this.#take(4)
      const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce)
      decipher.setAAD(Buffer.concat([this.#first, header]))
      const text = this.#take(length - tagBytes)
      decipher.setAuthTag(this.#take(tagBytes))
      plain.push(decipher.update(text), decipher.final())
      this.#nonce = nextNonce(this.#nonce)
    }
  }

  #take(count: number): Buffer {
    const taken = this.#pending.subarray(0, count)
    this.#pending = this.#pending.subarray(count)
    return taken
  }
}
