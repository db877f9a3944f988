import http2, { type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type net from 'node:net'
import { Http2Front, type Http2FrontContext } from '../proxy/http2-front.ts'

export interface Http2SessionOptions extends Http2FrontContext {
  /** A session without streams is closed after this silence. */
  readonly idleTimeoutMs: number
  /** Takes a place for one more request of a session; false where there is none. */
  readonly enterStream: () => boolean
  readonly leaveStream: () => void
  readonly onClose: (session: ServerHttp2Session) => void
}

const settings = {
  enableConnectProtocol: true,
  maxConcurrentStreams: 128,
  initialWindowSize: 262_144,
  maxHeaderListSize: 16_384,
} as const

/** Takes over a socket whose peer speaks HTTP/2, by ALPN or prior knowledge; bytes already read are pushed back before. */
export function serveHttp2(socket: net.Socket, options: Http2SessionOptions): ServerHttp2Session {
  const peer = socket.remoteAddress ?? ''
  // A peer that ends its direction is gone; our sockets would otherwise stay open for writing.
  socket.allowHalfOpen = false
  const session = http2.performServerHandshake(socket, {
    settings,
    maxSessionMemory: 16,
    // An app may repeat any field, and a field of an app must never be a reason to throw.
    strictSingleValueFields: false,
  })
  let openStreams = 0
  session.setTimeout(options.idleTimeoutMs)
  session.on('timeout', () => {
    if (openStreams === 0) session.close()
  })
  session.on('error', () => session.destroy())
  session.on('close', () => options.onClose(session))
  session.on('stream', (stream: ServerHttp2Stream, _headers, flags: number, rawHeaders: string[]) => {
    // The session itself has a place already; every further stream may need a connection to an app.
    const needsPlace = openStreams > 0
    if (needsPlace && !options.enterStream()) {
      stream.on('error', () => {})
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    openStreams++
    stream.once('close', () => {
      openStreams--
      if (needsPlace) options.leaveStream()
    })
    const endsStream = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0
    new Http2Front(options, stream, peer).start(rawHeaders, endsStream)
  })
  return session
}
