import type { Fields } from '../../codec/http1/fields.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type { BodyMode } from '../upstream/upstream-connection.ts'
import type { Wire } from '../../net/wire.ts'
import type { LocalResponse } from './local-response.ts'

/**
 * One client request as the core sees it, whichever protocol carries it: HTTP/1 and HTTP/2 each implement
 * this, so that admission, forwarding and the control API exist once.
 */
export interface FrontStream {
  readonly peer: string
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2'

  /** A whole answer of our own; what is left of the request body is discarded. */
  respond(response: LocalResponse): void
  /** No bytes, connection (HTTP/2: stream) reset. */
  drop(): void

  sendInterim(head: ResponseHead): void
  sendHead(head: ResponseHead): BodyMode
  /** Bytes are only valid until `flush`, which the caller calls before they change. */
  sendBody(bytes: Buffer): void
  /** False: stop until the listener's `onClientDrain`. */
  flush(): boolean
  finish(trailers: Fields): void
  /** True where the answer was begun but nothing of it has left; it is forgotten and another may be given. */
  takeBack(): boolean
  /** The answer cannot be completed: cut it so that the client notices. */
  abort(): void
  /** Sends the 101 (HTTP/2: 200) and hands over the byte stream; null if the client is gone. */
  openTunnel(head: ResponseHead): Wire | null

  /** Starts delivering the request body. `raw` keeps chunked framing as it came, validated. */
  receiveBody(receiver: BodyReceiver, mode: BodyMode): void
  pauseBody(): void
  resumeBody(): void
  /** Sends 100 Continue if the client waits for it. */
  sendContinue(): void
  setListener(listener: FrontListener): void
}

export interface BodyReceiver {
  onRequestBody(bytes: Buffer): void
  onRequestEnd(trailers: Fields): void
}

export interface FrontListener {
  onClientDrain(): void
  /** The client went away before the answer was complete. */
  onClientGone(): void
  /** The client stopped in the middle of its request body for too long. */
  onBodyTimeout(): void
}
