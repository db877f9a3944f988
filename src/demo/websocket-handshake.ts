import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** The opening of a WebSocket as the server sees it: an HTTP request that is accepted or refused. */
export type Handshake =
  | { readonly kind: 'accepted'; readonly accept: string }
  | { readonly kind: 'refused'; readonly status: string; readonly headers: readonly string[] }

/** Checks the opening request (RFC 6455 section 4.2.1); `accept` is the value of Sec-WebSocket-Accept. */
export function readHandshake(request: IncomingMessage): Handshake {
  const { headers } = request
  const bad: Handshake = { kind: 'refused', status: '400 Bad Request', headers: [] }
  if (request.method !== 'GET' || request.httpVersion !== '1.1') return bad
  if (!hasToken(headers.upgrade, 'websocket') || !hasToken(headers.connection, 'upgrade')) return bad
  if (headers['sec-websocket-version'] !== '13') {
    return { kind: 'refused', status: '426 Upgrade Required', headers: ['Sec-WebSocket-Version: 13'] }
  }
  const key = headers['sec-websocket-key'] ?? ''
  // 16 bytes in base64: 22 characters and two of padding.
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) return bad
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return { kind: 'accepted', accept }
}

function hasToken(list: string | undefined, token: string): boolean {
  return (list ?? '').split(',').some((item) => item.trim().toLowerCase() === token)
}

/** Answers an upgrade with a plain HTTP status and closes; also for paths that have no WebSocket. */
export function refuseUpgrade(socket: Duplex, status: string, headers: readonly string[]): void {
  const body = `${status}\n`
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      ...headers,
      'Content-Type: text/plain',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}
