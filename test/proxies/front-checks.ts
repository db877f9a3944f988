/**
 * What a user notices of a reverse proxy in front of the gateway, one function per observation. They know the
 * stand-in ExApp behind and the endpoint in front, and nothing of what is between.
 */
import { createHash, randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import { deadlineIn, elapse, within } from '../support/deadline.ts'
import { answerByRequest, type ExAppHandler, FakeExApp } from '../support/fake-exapp.ts'
import {
  type Endpoint,
  exchange,
  RawConnection,
  type RawRequest,
  type RawResponse,
} from '../support/raw-http.ts'

const waitMs = 10_000
/** Nothing but a proxy that holds data back takes this long on loopback. */
const streamWaitMs = 3_000

/**
 * An ExApp that also streams on demand: `?do=held&tag=t` sends three pieces, the second only after `release('t-2')`
 * and the third after `release('t-3')`, so that a test knows what was sent when. (Three, because proxies pass the
 * first one together with the head, whatever they do to the rest.) `framing` is chunked or length.
 */
export async function startStreamingExApp(): Promise<FakeExApp> {
  const handler: ExAppHandler = async (request) => {
    if (request.query.get('do') !== 'held') return answerByRequest(request)
    await request.readBody()
    const tag = request.query.get('tag') ?? ''
    const isChunked = request.query.get('framing') === 'chunked'
    const piece = (text: string): string => (isChunked ? `${text.length.toString(16)}\r\n${text}\r\n` : text)
    const framing = isChunked ? 'Transfer-Encoding: chunked' : 'Content-Length: 27'
    const type = request.query.get('type') ?? 'application/octet-stream'
    await request.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${framing}\r\n\r\n`)
    await request.write(piece('data: 1\n\n'))
    await request.untilReleased(`${tag}-2`)
    await request.write(piece('data: 2\n\n'))
    await request.untilReleased(`${tag}-3`)
    await request.write(piece('data: 3\n\n') + (isChunked ? '0\r\n\r\n' : ''))
  }
  return FakeExApp.start({ handler })
}

/** The whole response; a closed connection is an error here. */
export async function request(endpoint: Endpoint, wanted: RawRequest): Promise<RawResponse> {
  const outcome = await exchange(endpoint, wanted, waitMs)
  if (outcome.kind === 'response') return outcome.response
  throw new Error(`${wanted.target}: ${outcome.kind === 'drop' ? 'dropped' : outcome.reason}`)
}

/** Sends one text and one binary message over a WebSocket and returns what came back. */
export async function webSocketEcho(endpoint: Endpoint, path: string): Promise<[string, Buffer]> {
  const peer = new WebSocket(`ws://${endpoint.host}:${endpoint.port}${path}`, {
    localAddress: endpoint.localAddress,
    handshakeTimeout: waitMs,
  })
  try {
    const done = new Promise<[string, Buffer]>((resolve, reject) => {
      const received: Buffer[] = []
      peer.once('error', reject)
      peer.once('close', (code) => reject(new Error(`closed with ${code}`)))
      peer.on('message', (data) => {
        received.push(data as Buffer)
        if (received.length === 2) resolve([String(received[0]), received[1] as Buffer])
      })
      peer.once('open', () => {
        peer.send('grüße')
        peer.send(Buffer.alloc(100_000, 7))
      })
    })
    return await within(done, deadlineIn(waitMs, 'a WebSocket echo'))
  } finally {
    peer.terminate()
  }
}

export type Streaming = { readonly framing: 'chunked' | 'length'; readonly type: string }

export const streams: readonly (readonly [what: string, how: Streaming])[] = [
  ['server-sent events', { framing: 'chunked', type: 'text/event-stream' }],
  ['lines of unknown length', { framing: 'chunked', type: 'application/x-ndjson' }],
  ['a body of known length', { framing: 'length', type: 'application/octet-stream' }],
]

/** Reads each piece of a stream before the app may send the next one, and returns them. */
export async function streamedPieces(
  app: FakeExApp,
  endpoint: Endpoint,
  path: string,
  how: Streaming,
): Promise<string[]> {
  const tag = randomBytes(8).toString('hex')
  await using connection = await RawConnection.open(endpoint)
  try {
    await connection.sendRequest({
      target: `${path}?do=held&tag=${tag}&framing=${how.framing}&type=${how.type}`,
      headers: [['Accept-Encoding', 'identity']],
    })
    const head = await connection.readHead('GET', streamWaitMs)
    if (head === undefined) throw new Error('dropped')
    const pieces: string[] = []
    for await (const piece of connection.body(head, streamWaitMs)) {
      pieces.push(piece.toString())
      app.release(`${tag}-${pieces.length + 1}`)
    }
    return pieces
  } finally {
    // NOTE: a failed check must not leave the app waiting.
    app.release(`${tag}-2`)
    app.release(`${tag}-3`)
  }
}

/** Sends an upload in two pieces with a silence between them. */
export async function stallingUpload(
  endpoint: Endpoint,
  path: string,
  stallMs: number,
): Promise<RawResponse> {
  await using connection = await RawConnection.open(endpoint)
  await connection.sendRequest({ method: 'POST', target: path, headers: [['Content-Length', '20']] })
  await connection.send('0123456789')
  await elapse(stallMs)
  await connection.send('0123456789')
  const outcome = await connection.readOutcome({ method: 'POST', timeoutMs: waitMs })
  if (outcome.kind !== 'response') throw new Error(outcome.kind)
  return outcome.response
}

/** Sends the head and the first piece of an upload, waits until the app has them, then sends the rest. */
export async function uploadInTwoPieces(
  app: FakeExApp,
  endpoint: Endpoint,
  path: string,
): Promise<RawResponse> {
  const target = `${path}?piece=${randomBytes(8).toString('hex')}`
  await using connection = await RawConnection.open(endpoint)
  await connection.sendRequest({ method: 'POST', target, headers: [['Content-Length', '200000']] })
  await connection.send(Buffer.alloc(100_000, 1))
  await app.waitForRequest((each) => target.endsWith(each.target.split('?')[1] ?? '-'), 3_000)
  await connection.send(Buffer.alloc(100_000, 2))
  const outcome = await connection.readOutcome({ method: 'POST', timeoutMs: waitMs })
  if (outcome.kind !== 'response') throw new Error(outcome.kind)
  return outcome.response
}

/** A chunked upload of `chunks` random chunks; tells its length and hash beside the answer. */
export async function chunkedUpload(
  endpoint: Endpoint,
  path: string,
  chunks: number,
): Promise<{ response: RawResponse; bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  await using connection = await RawConnection.open(endpoint)
  await connection.sendRequest({ method: 'PUT', target: path, headers: [['Transfer-Encoding', 'chunked']] })
  for (let at = 0; at < chunks; at += 1) {
    const chunk = randomBytes(1 + ((at * 7_919) % 60_000))
    hash.update(chunk)
    bytes += chunk.length
    await connection.send(
      Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    )
  }
  await connection.send('0\r\n\r\n')
  const outcome = await connection.readOutcome({ method: 'PUT', timeoutMs: waitMs })
  if (outcome.kind !== 'response') throw new Error(outcome.kind)
  return { response: outcome.response, bytes, sha256: hash.digest('hex') }
}

/** An upload with a length; the hash is of what was sent. */
export async function largeUpload(
  endpoint: Endpoint,
  path: string,
  size: number,
): Promise<{ response: RawResponse; sha256: string }> {
  const block = randomBytes(1_048_576)
  const hash = createHash('sha256')
  await using connection = await RawConnection.open(endpoint)
  await connection.sendRequest({ method: 'PUT', target: path, headers: [['Content-Length', String(size)]] })
  for (let sent = 0; sent < size; sent += block.length) {
    const piece = block.subarray(0, Math.min(block.length, size - sent))
    hash.update(piece)
    await connection.send(piece, waitMs)
  }
  const outcome = await connection.readOutcome({ method: 'PUT', timeoutMs: waitMs })
  if (outcome.kind !== 'response') throw new Error(outcome.kind)
  return { response: outcome.response, sha256: hash.digest('hex') }
}

/** Downloads and returns the length and the hash without keeping the bytes. */
export async function largeDownload(
  endpoint: Endpoint,
  target: string,
): Promise<{ status: number; bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  await using connection = await RawConnection.open(endpoint)
  await connection.sendRequest({ target, headers: [['Accept-Encoding', 'identity']] })
  const head = await connection.readHead()
  if (head === undefined) throw new Error('dropped')
  for await (const piece of connection.body(head)) {
    hash.update(piece)
    bytes += piece.length
  }
  return { status: head.status, bytes, sha256: hash.digest('hex') }
}
