import type net from 'node:net'
import { serializeFields, type Fields } from '../../codec/http1/fields.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import { writeTransient } from '../../net/stream-wire.ts'
import { serializeResponseFields } from './response-fields.ts'

export interface Http1ResponseOptions {
  readonly close: boolean
  /** HTTP/1.0 knows neither chunks nor connections that stay by default. */
  readonly isOld: boolean
}

const combineBytes = 16_384

/**
 * Writes one forwarded response after the other. What one upstream read brings (head, body, end) goes out
 * as one write, which is most of what a small answer costs.
 */
export class Http1ResponseWriter {
  readonly #socket: net.Socket
  #head = ''
  #body: Buffer | null = null
  #isChunked = false
  /** A head was given and its response is not finished. */
  isAnswering = false
  /** The end of the connection is the only end of this response. */
  isCloseDelimited = false

  constructor(socket: net.Socket) {
    this.#socket = socket
  }

  /** True where the body is to come with its chunked framing. */
  begin(head: ResponseHead, options: Http1ResponseOptions): boolean {
    const framing = head.framing.kind
    this.isAnswering = true
    this.isCloseDelimited = framing === 'close' || (framing === 'chunked' && options.isOld)
    this.#isChunked = framing === 'chunked' && !options.isOld
    let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n${serializeResponseFields(head)}`
    if (this.#isChunked) text += 'transfer-encoding: chunked\r\n'
    if (head.status === 426 && head.upgrade !== null) {
      text += `upgrade: ${head.upgrade}\r\nconnection: upgrade\r\n`
    }
    if (options.close) text += 'connection: close\r\n'
    else if (options.isOld) text += 'connection: keep-alive\r\n'
    this.#head = `${text}\r\n`
    return this.#isChunked
  }

  /** The bytes are used by `flush` or `finish`, which must come before they change. */
  body(bytes: Buffer): void {
    const earlier = this.#body
    if (earlier !== null) {
      // NOTE: copied: only a read's last part is watched until it has left, and after `finish` others read into the buffer.
      this.#socket.write(combine(this.#head, earlier, ''))
      this.#head = ''
    }
    this.#body = bytes
  }

  /** False: stop until the socket's `drain`. */
  flush(): boolean {
    const head = this.#head
    const body = this.#body
    this.#head = ''
    this.#body = null
    if (body === null) {
      return head === '' ? !this.#socket.writableNeedDrain : this.#socket.write(head, 'latin1')
    }
    if (head === '') return writeTransient(this.#socket, body)
    if (head.length + body.length <= combineBytes) return this.#socket.write(combine(head, body, ''))
    this.#socket.write(head, 'latin1')
    return writeTransient(this.#socket, body)
  }

  /** Forgets a head that is still here; false where it has left. */
  takeBack(): boolean {
    if (this.#head === '') return false
    this.#head = ''
    this.#body = null
    this.isAnswering = false
    return true
  }

  finish(trailers: Fields): void {
    const tail = this.#isChunked ? `${serializeFields(trailers)}\r\n` : ''
    const head = this.#head
    const body = this.#body
    this.#head = ''
    this.#body = null
    this.isAnswering = false
    // NOTE: copied in any case: the connection that owns these bytes is free for others from now on.
    if (body !== null) this.#socket.write(combine(head, body, tail))
    else if (head !== '' || tail !== '') this.#socket.write(head + tail, 'latin1')
  }
}

function combine(head: string, body: Buffer, tail: string): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length + tail.length)
  bytes.write(head, 0, 'latin1')
  body.copy(bytes, head.length)
  if (tail !== '') bytes.write(tail, head.length + body.length, 'latin1')
  return bytes
}
