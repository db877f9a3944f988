import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { DeadlineSweeper, type Deadline } from '../base/deadlines.ts'
import {
  CloseCode,
  encodeClose,
  encodeFrame,
  FrameDecoder,
  Opcode,
  type FrameEvent,
} from './websocket-frames.ts'
import { readHandshake, refuseUpgrade } from './websocket-handshake.ts'

/**
 * A minimal WebSocket server for the demo (RFC 6455, version 13, no extensions, no subprotocols, text
 * messages): handshake, ping and pong, the close handshake, and a limit on everything a peer can grow.
 */
export interface WebSocketLimits {
  readonly maxConnections: number
  readonly maxMessageBytes: number
  /** What may wait for a slow reader; past it the connection is cut. */
  readonly maxBufferedBytes: number
  /** A silent peer is pinged after this, and cut after twice this. */
  readonly idleMs: number
  /** How long the peer may take to answer a close frame. */
  readonly closeMs: number
  /** How often the deadlines above are looked at. */
  readonly sweepMs: number
}

export const defaultWebSocketLimits: WebSocketLimits = {
  maxConnections: 256,
  maxMessageBytes: 16 * 1024,
  maxBufferedBytes: 256 * 1024,
  idleMs: 30_000,
  closeMs: 2000,
  sweepMs: 500,
}

export interface WebSocketHandlers {
  onText(text: string): void
  /** Exactly once, when the connection is over for the application. */
  onClose(code: number): void
}

/** What the application holds of one open connection. */
export interface WebSocketPeer {
  send(text: string): void
  close(code: number, reason: string): void
}

export class WebSocketServer {
  readonly #limits: WebSocketLimits
  readonly #now: () => number
  readonly #sweeper: DeadlineSweeper
  readonly #connections = new Set<Connection>()

  constructor(limits: WebSocketLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
    this.#sweeper = new DeadlineSweeper(limits.sweepMs, now)
  }

  get size(): number {
    return this.#connections.size
  }

  /**
   * Takes a socket from an HTTP server's `upgrade` event. A bad handshake is answered with its status
   * and null is returned; else the 101 is sent and `handlers` hear what comes.
   */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    handlers: WebSocketHandlers,
  ): WebSocketPeer | null {
    // The HTTP server lets go of its error listener on upgrade; without one a reset ends the process.
    socket.on('error', () => socket.destroy())
    const handshake = readHandshake(request)
    if (handshake.kind === 'refused') {
      refuseUpgrade(socket, handshake.status, handshake.headers)
      return null
    }
    if (this.#connections.size >= this.#limits.maxConnections) {
      refuseUpgrade(socket, '503 Service Unavailable', [])
      return null
    }
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${handshake.accept}\r\n\r\n`,
    )
    const connection = new Connection(socket, handlers, this.#limits, this.#now)
    this.#connections.add(connection)
    this.#sweeper.add(connection)
    socket.once('close', () => {
      this.#connections.delete(connection)
      this.#sweeper.delete(connection)
    })
    connection.start(head)
    return connection
  }

  /** Tells every peer that the server goes away and waits for the sockets, at most `closeMs` and a sweep. */
  async stop(): Promise<void> {
    const closed = [...this.#connections].map((connection) => connection.whenClosed)
    for (const connection of this.#connections) connection.close(CloseCode.goingAway, 'server stops')
    await Promise.all(closed)
    this.#sweeper.stop()
  }
}

type ConnectionState = 'open' | 'closing' | 'closed'

class Connection implements WebSocketPeer, Deadline {
  deadlineAt: number
  readonly whenClosed: Promise<void>
  readonly #socket: Duplex
  readonly #handlers: WebSocketHandlers
  readonly #limits: WebSocketLimits
  readonly #now: () => number
  readonly #decoder: FrameDecoder
  #state: ConnectionState = 'open'
  #isPinged = false
  #isReported = false

  constructor(socket: Duplex, handlers: WebSocketHandlers, limits: WebSocketLimits, now: () => number) {
    this.#socket = socket
    this.#handlers = handlers
    this.#limits = limits
    this.#now = now
    this.#decoder = new FrameDecoder(limits.maxMessageBytes)
    this.deadlineAt = now() + limits.idleMs
    this.whenClosed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#state = 'closed'
        this.#report(CloseCode.abnormal)
        resolve()
      })
    })
  }

  start(head: Uint8Array): void {
    // Read later, so that the application has its peer before the first message.
    if (head.length > 0) this.#socket.unshift(head)
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // A peer that ends without a close frame is gone: nothing we still send matters to it.
    this.#socket.on('end', () => this.#socket.destroy())
  }

  send(text: string): void {
    if (this.#state === 'open') this.#write(encodeFrame(Opcode.text, Buffer.from(text)))
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.deadlineAt = this.#now() + this.#limits.closeMs
    this.#write(encodeClose(code, reason))
    this.#report(code)
  }

  onDeadline(now: number): void {
    if (this.#state !== 'open' || this.#isPinged) {
      this.#socket.destroy()
      return
    }
    this.#isPinged = true
    this.deadlineAt = now + this.#limits.idleMs
    this.#write(encodeFrame(Opcode.ping, Buffer.alloc(0)))
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === 'open') {
      this.#isPinged = false
      this.deadlineAt = this.#now() + this.#limits.idleMs
    }
    for (const event of this.#decoder.push(chunk)) this.#take(event)
  }

  #take(event: FrameEvent): void {
    switch (event.kind) {
      case 'text':
        if (this.#state === 'open') this.#handlers.onText(event.text)
        return
      case 'ping':
        if (this.#state === 'open') this.#write(encodeFrame(Opcode.pong, event.payload))
        return
      case 'pong':
        return
      case 'failed':
        this.close(event.code, event.reason)
        this.#endSocket()
        return
      case 'close':
        // Ours first: the peer's frame completes it. Theirs first: the same code goes back.
        this.close(event.code, '')
        this.#endSocket()
    }
  }

  /** The server closes TCP first (RFC 6455 section 7.1.1); the deadline covers a peer that keeps its side. */
  #endSocket(): void {
    this.deadlineAt = this.#now() + this.#limits.closeMs
    this.#socket.end()
  }

  #write(frame: Uint8Array): void {
    if (!this.#socket.writable) return
    this.#socket.write(frame)
    if (this.#socket.writableLength > this.#limits.maxBufferedBytes) this.#socket.destroy()
  }

  #report(code: number): void {
    if (this.#isReported) return
    this.#isReported = true
    this.#handlers.onClose(code)
  }
}
