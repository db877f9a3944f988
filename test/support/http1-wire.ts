/**
 * HTTP/1.1 as a test judges it: reads heads and bodies exactly as they came, keeps names, order and spelling,
 * and refuses what RFC 9112 refuses. Written without the project's codec, so the two cannot share a mistake.
 */
import { type Deadline, deadlineIn } from './deadline.ts'
import type { SocketReader } from './socket-reader.ts'

const maxHeadBytes = 256 * 1024
const maxLineBytes = 8 * 1024

export type HeaderLine = readonly [name: string, value: string]

export interface WireHead {
  /** Latin-1 text of every byte before the empty line. */
  readonly raw: string
  readonly startLine: string
  readonly headers: readonly HeaderLine[]
}

export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' }

/** A peer that broke the protocol. */
export class WireViolation extends Error {
  override readonly name = 'WireViolation'
}

/** undefined: the peer closed without a single byte. */
export async function readHead(reader: SocketReader, deadline: Deadline): Promise<WireHead | undefined> {
  if (await reader.isAtEnd(deadline)) return undefined
  const bytes = await reader.takeUntil('\r\n\r\n', maxHeadBytes, deadline)
  const raw = bytes.subarray(0, -4).toString('latin1')
  const [startLine = '', ...lines] = raw.split('\r\n')
  return { raw, startLine, headers: lines.map(parseHeaderLine) }
}

export function parseHeaderLine(line: string): HeaderLine {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)$/s.exec(line)
  // oxlint-disable-next-line no-control-regex -- control bytes are exactly what must not be here
  if (match === null || /[\0-\x08\x0a-\x1f\x7f]/.test(line)) {
    throw new WireViolation(`not a header line: ${JSON.stringify(line)}`)
  }
  return [match[1] ?? '', (match[2] ?? '').replace(/[ \t]+$/, '')]
}

export function headerValues(headers: readonly HeaderLine[], name: string): string[] {
  const wanted = name.toLowerCase()
  return headers.filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value)
}

/** The only value of a header; undefined without one, an error with two. */
export function headerValue(headers: readonly HeaderLine[], name: string): string | undefined {
  const values = headerValues(headers, name)
  if (values.length > 1) throw new WireViolation(`${values.length} header lines "${name}"`)
  return values[0]
}

/** Framing by RFC 9112 section 6.3; `none` is the answer where neither header is there and no body follows. */
export function framingOf(
  headers: readonly HeaderLine[],
  absent: 'none' | 'until-close' = 'none',
): BodyFraming {
  const coding = headerValue(headers, 'transfer-encoding')
  const length = headerValue(headers, 'content-length')
  if (coding !== undefined && length !== undefined) throw new WireViolation('both length and chunked')
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new WireViolation(`transfer-encoding: ${coding}`)
    return { kind: 'chunked' }
  }
  if (length === undefined) return { kind: absent }
  if (!/^\d{1,15}$/.test(length)) throw new WireViolation(`content-length: ${length}`)
  return { kind: 'length', length: Number(length) }
}

/** Yields the body as it arrives; a silent peer is an error after `idleMs`. Trailers are pushed to `trailers`. */
export async function* readBody(
  reader: SocketReader,
  framing: BodyFraming,
  idleMs: number,
  trailers: HeaderLine[] = [],
): AsyncGenerator<Buffer, void, void> {
  const wait = (): Deadline => deadlineIn(idleMs, `the next body bytes (${framing.kind})`)
  switch (framing.kind) {
    case 'none':
      return
    case 'length':
      yield* readExactly(reader, framing.length, wait)
      return
    case 'until-close':
      for (;;) {
        const chunk = await reader.takeSome(65_536, wait())
        if (chunk === undefined) {
          if (reader.ending === 'reset') throw new WireViolation('the connection was reset inside the body')
          return
        }
        yield chunk
      }
    case 'chunked':
      yield* readChunks(reader, wait, trailers)
  }
}

async function* readExactly(
  reader: SocketReader,
  length: number,
  wait: () => Deadline,
): AsyncGenerator<Buffer, void, void> {
  for (let left = length; left > 0;) {
    const chunk = await reader.takeSome(left, wait())
    if (chunk === undefined) throw new WireViolation(`body ended ${left} bytes early (${reader.ending})`)
    left -= chunk.length
    yield chunk
  }
}

async function* readChunks(
  reader: SocketReader,
  wait: () => Deadline,
  trailers: HeaderLine[],
): AsyncGenerator<Buffer, void, void> {
  for (;;) {
    const line = (await reader.takeUntil('\r\n', maxLineBytes, wait())).toString('latin1').slice(0, -2)
    const size = /^([0-9a-fA-F]{1,12})(?:;.*)?$/.exec(line)?.[1]
    if (size === undefined) throw new WireViolation(`not a chunk size: ${JSON.stringify(line)}`)
    const length = Number.parseInt(size, 16)
    if (length === 0) break
    yield* readExactly(reader, length, wait)
    const end = await reader.take(2, wait())
    if (end.toString('latin1') !== '\r\n') throw new WireViolation('no CRLF after a chunk')
  }
  for (;;) {
    const line = (await reader.takeUntil('\r\n', maxLineBytes, wait())).toString('latin1').slice(0, -2)
    if (line === '') return
    trailers.push(parseHeaderLine(line))
  }
}
