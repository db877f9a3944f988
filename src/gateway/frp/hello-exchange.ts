/**
 * The state of wire v2 on one stream: on a control connection the client's hello comes before Login, the server's
 * before LoginResp, and both make the keys; on a work connection there are none. Reads and writes no wire.
 */
import { AeadOpener, AeadSealer, deriveAeadKeys } from './aead-stream.ts'
import { frpError } from './errors.ts'
import {
  aeadAlgorithm,
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeServerHello,
  helloRandomBytes,
  type Bootstrap,
} from './hello.ts'
import type { FrpMessage, OutgoingMessage } from './messages.ts'
import { encodeFrame, frameType, wireV2Magic, type Frame } from './wire-v2.ts'

const nothing = Buffer.alloc(0)

export class HelloExchange {
  readonly #side: 'server' | 'client'
  readonly #randomBytes: (count: number) => Buffer
  readonly #bootstrap: Bootstrap
  #clientHello: Buffer | null = null
  #serverHello: Buffer | null = null
  #isFirstRead = true
  #isFirstSent = true

  constructor(
    side: 'server' | 'client',
    randomBytes: (count: number) => Buffer,
    bootstrap: Bootstrap = { tls: false, tcpMux: false },
  ) {
    this.#side = side
    this.#randomBytes = randomBytes
    this.#bootstrap = bootstrap
  }

  /** What has to leave before this message. */
  beforeSend(message: OutgoingMessage): Buffer {
    const isFirst = this.#isFirstSent
    this.#isFirstSent = false
    if (!isFirst) return nothing
    if (this.#side === 'server') {
      return this.#serverHello === null ? nothing : encodeFrame(frameType.serverHello, this.#serverHello)
    }
    if (message.kind !== 'Login') return wireV2Magic
    this.#clientHello = encodeClientHello({
      bootstrap: this.#bootstrap,
      algorithms: [aeadAlgorithm],
      random: this.#randomBytes(helloRandomBytes),
    })
    return Buffer.concat([wireV2Magic, encodeFrame(frameType.clientHello, this.#clientHello)])
  }

  /** A hello of the other side. Returns the last bytes to send it where it is refused, else null. */
  receive(frame: Frame): { readonly refusal: Buffer } | null {
    const expected = this.#side === 'server' ? frameType.clientHello : frameType.serverHello
    const isAsked = this.#side === 'server' || this.#clientHello !== null
    if (frame.type !== expected || !this.#isFirstRead || !isAsked) {
      throw frpError('FRP_WIRE_V2_INVALID', 'a hello frame where none may be')
    }
    this.#isFirstRead = false
    const payload = Buffer.from(frame.payload)
    if (this.#side === 'client') {
      const hello = decodeServerHello(payload)
      if (hello.error !== '') {
        throw frpError('FRP_HELLO_REFUSED', `the server says: ${hello.error.slice(0, 200)}`)
      }
      if (hello.algorithm !== aeadAlgorithm) {
        throw frpError('FRP_CIPHER_UNSUPPORTED', `the server did not choose ${aeadAlgorithm}`)
      }
      this.#serverHello = payload
      return null
    }
    const hello = decodeClientHello(payload)
    this.#clientHello = payload
    if (!hello.algorithms.includes(aeadAlgorithm)) {
      const error = `no supported crypto algorithm, this server has ${aeadAlgorithm}`
      const refusal = encodeServerHello({ algorithm: '', random: nothing, error })
      return { refusal: encodeFrame(frameType.serverHello, refusal) }
    }
    const random = this.#randomBytes(helloRandomBytes)
    this.#serverHello = encodeServerHello({ algorithm: aeadAlgorithm, random, error: '' })
    return null
  }

  /** Throws when a message comes that hellos had to precede. */
  checkMessage(message: FrpMessage): void {
    this.#isFirstRead = false
    const isMissing =
      this.#side === 'server'
        ? message.kind === 'Login' && this.#clientHello === null
        : this.#clientHello !== null && this.#serverHello === null
    if (isMissing) throw frpError('FRP_WIRE_V2_INVALID', `${message.kind} without a hello before it`)
  }

  /** What encrypts and decrypts from now on. */
  ciphers(authToken: string): { readonly sealer: AeadSealer; readonly opener: AeadOpener } {
    if (this.#clientHello === null || this.#serverHello === null) {
      throw new TypeError('only a connection that began with a login has keys')
    }
    const keys = deriveAeadKeys(authToken, this.#clientHello, this.#serverHello)
    const isServer = this.#side === 'server'
    return {
      sealer: new AeadSealer(isServer ? keys.serverToClient : keys.clientToServer, this.#randomBytes),
      opener: new AeadOpener(isServer ? keys.clientToServer : keys.serverToClient),
    }
  }
}
