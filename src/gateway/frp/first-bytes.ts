/**
 * What the first bytes of a connection, and of a stream inside it, announce. Both answer `need-more` only while
 * the bytes so far could still become several things, so nobody ever waits for bytes that change nothing.
 */
import { wireV2Magic } from './wire-v2.ts'

export type ConnectionStart =
  | { readonly kind: 'need-more' }
  /** A ClientHello after `skip` bytes: frp may put one byte of its own before it. */
  | { readonly kind: 'tls'; readonly skip: 0 | 1 }
  /** An HTTP upgrade; the same question comes again inside. */
  | { readonly kind: 'websocket' }
  | { readonly kind: 'plain' }

/** `yamux` carries streams of which each starts with one of the others. */
export type StreamStart = 'need-more' | 'yamux' | 'v1' | 'v2' | 'unknown'

const frpTlsByte = 0x17
const tlsHandshakeByte = 0x16
const websocketRequest = Buffer.from('GET /~!frp')
const yamuxVersion = 0
/** Login, NewWorkConn and NewVisitorConn start a stream. */
const v1Starts: readonly number[] = Array.from('owv', (letter) => letter.charCodeAt(0))

/** Of a TCP connection, or of the bytes inside a websocket, or of those inside TLS (wss). */
export function detectConnection(bytes: Buffer): ConnectionStart {
  const first = bytes[0]
  if (first === undefined) return { kind: 'need-more' }
  if (first === frpTlsByte) return { kind: 'tls', skip: 1 }
  if (first === tlsHandshakeByte) return { kind: 'tls', skip: 0 }
  switch (matchStart(bytes, websocketRequest)) {
    case 'whole':
      return { kind: 'websocket' }
    case 'part':
      return { kind: 'need-more' }
    case 'none':
      return { kind: 'plain' }
  }
}

/** Of what is inside TLS, websocket or a plain connection; and of a yamux stream. */
export function detectStream(bytes: Buffer): StreamStart {
  const first = bytes[0]
  if (first === undefined) return 'need-more'
  if (first === yamuxVersion) return 'yamux'
  if (v1Starts.includes(first)) return 'v1'
  switch (matchStart(bytes, wireV2Magic)) {
    case 'whole':
      return 'v2'
    case 'part':
      return 'need-more'
    case 'none':
      return 'unknown'
  }
}

function matchStart(bytes: Buffer, expected: Buffer): 'whole' | 'part' | 'none' {
  const length = Math.min(bytes.length, expected.length)
  if (bytes.compare(expected, 0, length, 0, length) !== 0) return 'none'
  return length === expected.length ? 'whole' : 'part'
}
