/** The control connection of frpc: messages on one stream, clear until LoginResp, encrypted from then on. */
import type { Duplex } from 'node:stream'
import {
  AeadOpener,
  AeadSealer,
  aeadKey,
  CfbOpener,
  CfbSealer,
  type Opener,
  type Sealer,
} from './frpc-ciphers.ts'
import { encodeFrameV2, encodeMessage, type FrpcMessage, magicV2, takeMessage } from './frpc-messages.ts'
import type { FrpcOptions, RandomPurpose } from './frpc-options.ts'

export interface ControlEvents {
  readonly onMessage: (message: FrpcMessage) => void
  readonly onEnd: (reason: string) => void
}

export class FrpcControl {
  readonly stream: Duplex
  readonly #options: FrpcOptions
  readonly #random: (bytes: number, purpose: RandomPurpose) => Buffer
  readonly #events: ControlEvents
  readonly #wire: 1 | 2
  #pending: Buffer = Buffer.alloc(0)
  #sealer: Sealer | undefined
  #opener: Opener | undefined
  #clientHello: Buffer = Buffer.alloc(0)
  #serverHello: Buffer | undefined
  #ended = false

  constructor(
    stream: Duplex,
    options: FrpcOptions,
    random: (bytes: number, purpose: RandomPurpose) => Buffer,
    events: ControlEvents,
  ) {
    this.stream = stream
    this.#options = options
    this.#random = random
    this.#events = events
    this.#wire = options.wire ?? 1
    stream.on('data', (chunk: Buffer) => this.#onBytes(chunk))
    stream.once('end', () => this.#end('the control connection ended'))
    stream.once('close', () => this.#end('the control connection closed'))
  }

  /** What wire v2 says before Login. */
  greet(): void {
    if (this.#wire === 1) return
    this.#clientHello = Buffer.from(JSON.stringify(helloOf(this.#options, this.#random)))
    for (const write of [magicV2, ...encodeFrameV2(1, this.#clientHello)]) this.stream.write(write)
  }

  /** Whether LoginResp is outstanding in wire v2 because not even ServerHello came. */
  get isUngreeted(): boolean {
    return this.#wire === 2 && this.#serverHello === undefined
  }

  /** From after LoginResp on; called from its `onMessage`, so that what came with it is deciphered too. */
  encrypt(): void {
    const token = this.#options.authToken ?? ''
    if (this.#wire === 1) {
      this.#sealer = new CfbSealer(token, () => this.#random(16, 'iv'))
      this.#opener = new CfbOpener(token)
    } else {
      const hellos = [this.#clientHello, this.#serverHello ?? Buffer.alloc(0)] as const
      this.#sealer = new AeadSealer(aeadKey(token, ...hellos, 'client-to-server'), () =>
        this.#random(12, 'nonce'),
      )
      this.#opener = new AeadOpener(aeadKey(token, ...hellos, 'server-to-client'))
    }
    this.#pending = this.#opener.open(this.#pending)
  }

  send(name: string, body: object): void {
    this.sendBytes(...encodeMessage(this.#wire, name, body))
  }

  /** Plain bytes, encrypted where messages are. */
  sendBytes(...writes: readonly Buffer[]): void {
    if (this.stream.writableEnded || this.stream.destroyed) return
    for (const write of writes) {
      for (const sealed of this.#sealer?.seal(write) ?? [write]) this.stream.write(sealed)
    }
  }

  #onBytes(chunk: Buffer): void {
    try {
      const plain = this.#opener === undefined ? chunk : this.#opener.open(chunk)
      this.#pending = Buffer.concat([this.#pending, plain])
      for (;;) {
        const taken = takeMessage(this.#wire, this.#pending)
        if (taken === undefined) return
        this.#pending = taken.rest
        if (taken.message.name === 'ServerHello') this.#serverHello = taken.message.json
        this.#events.onMessage(taken.message)
      }
    } catch (error) {
      this.#end(`cannot read the control connection: ${String(error)}`)
    }
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#events.onEnd(reason)
  }
}

function helloOf(
  options: FrpcOptions,
  random: (bytes: number, purpose: RandomPurpose) => Buffer,
): Record<string, unknown> {
  return {
    bootstrap: {
      transport: options.websocket === undefined ? 'tcp' : 'websocket',
      ...(options.tls === 'off' ? {} : { tls: true }),
      ...(options.mux === false ? {} : { tcpMux: true }),
    },
    capabilities: {
      message: { codecs: ['json'] },
      crypto: {
        algorithms: ['aes-256-gcm', 'xchacha20-poly1305'],
        clientRandom: random(32, 'client-random').toString('base64'),
      },
    },
  }
}
