/** The recorded frp sessions of test/vectors/frp, taken apart down to messages and payload. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ByteReader } from '../../src/gateway/frp/byte-reader.ts'
import { decodePayload, readMessage } from '../../src/gateway/frp/message-codec.ts'
import type { FrpMessage } from '../../src/gateway/frp/messages.ts'
import {
  joined,
  openAead,
  openCfb,
  timeOf,
  unwrapWebsocket,
  unwrapYamux,
  v1Messages,
  v2Messages,
  type ClearMessage,
  type SealedPart,
  type TimedBytes,
} from './frp-vector-layers.ts'

export type { SealedPart, TimedBytes } from './frp-vector-layers.ts'

export interface FrpVector {
  readonly name: string
  readonly authToken: string
  readonly connections: readonly VectorConnection[]
  /** What NAME.decoded.txt says of the messages; nothing for TLS, websocket and wire v2. */
  readonly decodedLines: readonly DecodedLine[]
}

export interface VectorConnection {
  readonly conn: number
  /** `tls`: only ciphertext was recorded, so there are no streams. */
  readonly transport: 'tls' | 'websocket' | 'plain'
  readonly hasMux: boolean
  readonly clientToServer: readonly TimedBytes[]
  readonly serverToClient: readonly TimedBytes[]
  readonly endedAt: number | null
  /** In the order of their ids; without yamux the connection is the one stream, with the id 0. */
  readonly streams: readonly VectorStream[]
}

export interface VectorStream {
  readonly conn: number
  readonly id: number
  readonly version: 1 | 2
  readonly kind: 'control' | 'work'
  readonly clientToServer: VectorDirection
  readonly serverToClient: VectorDirection
}

export interface VectorDirection {
  readonly chunks: readonly TimedBytes[]
  readonly bytes: Buffer
  readonly endedAt: number | null
  readonly messages: readonly VectorMessage[]
  /** Control streams: what is encrypted, null if nothing. */
  readonly sealed: SealedPart | null
  /** Work streams: the raw bytes behind the last message. */
  readonly payload: Buffer
}

export interface VectorMessage {
  /** null: a hello of wire v2. */
  readonly message: FrpMessage | null
  readonly json: Buffer
  readonly isEncrypted: boolean
  /** In clear, as framed on the wire. */
  readonly framed: Buffer
  readonly at: number
}

export interface DecodedLine {
  readonly conn: number
  readonly stream: number
  readonly direction: 'C>S' | 'S>C'
  readonly kind: string
  readonly isEncrypted: boolean
  readonly json: unknown
}

const folder = join(import.meta.dirname, '../vectors/frp')

export const vectorNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.raw.jsonl'))
  .map((file) => file.replace('.raw.jsonl', ''))
  .sort()

export function loadVector(name: string): FrpVector {
  const decoded = readFileSync(join(folder, `${name}.decoded.txt`), 'utf8')
  const events = readFileSync(join(folder, `${name}.raw.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RawEvent)
  const authToken = /^auth\.token = "(.*)"$/m.exec(decoded)?.[1] ?? ''
  const begin = events[0]?.t ?? 0
  const connections = [...new Set(events.map((event) => event.conn))].map((conn) => {
    const own = events.filter((event) => event.conn === conn)
    return readConnection(conn, own, begin, authToken)
  })
  return { name, authToken, connections, decodedLines: readDecodedLines(decoded) }
}

/** What was recorded beside the session, such as `verified.txt`. */
export function readVectorText(file: string): string {
  return readFileSync(join(folder, file), 'utf8')
}

interface RawEvent {
  readonly conn: number
  readonly t: number
  readonly dir: 'open' | 'C>S' | 'S>C'
  readonly hex?: string
  readonly fin?: number
}

function readConnection(
  conn: number,
  events: readonly RawEvent[],
  begin: number,
  authToken: string,
): VectorConnection {
  const chunksOf = (dir: RawEvent['dir']): TimedBytes[] =>
    events.flatMap((event) =>
      event.dir === dir && event.hex !== undefined
        ? [{ at: event.t - begin, bytes: Buffer.from(event.hex, 'hex') }]
        : [],
    )
  const fin = events.find((event) => event.fin !== undefined)
  const endedAt = fin === undefined ? null : fin.t - begin
  const clientToServer = chunksOf('C>S')
  const serverToClient = chunksOf('S>C')
  const first = joined(clientToServer)
  const base = { conn, clientToServer, serverToClient, endedAt }
  if (first[0] === 0x16 || first[0] === 0x17) {
    return { ...base, transport: 'tls', hasMux: false, streams: [] }
  }
  const isWebsocket = first.toString('latin1', 0, 4) === 'GET '
  const up = isWebsocket ? unwrapWebsocket(clientToServer) : clientToServer
  const down = isWebsocket ? unwrapWebsocket(serverToClient) : serverToClient
  const transport = isWebsocket ? 'websocket' : 'plain'
  const hasMux = up[0]?.bytes[0] === 0
  if (!hasMux) {
    const whole = (chunks: TimedBytes[]) => ({ chunks, endedAt })
    const streams = [readStream({ conn, id: 0, authToken }, whole(up), whole(down))]
    return { ...base, transport, hasMux, streams }
  }
  const downStreams = unwrapYamux(down)
  const streams = [...unwrapYamux(up)].map(([id, stream]) =>
    readStream({ conn, id, authToken }, stream, downStreams.get(id) ?? { chunks: [], endedAt: null }),
  )
  return { ...base, transport, hasMux, streams }
}

type Chunks = Pick<VectorDirection, 'chunks' | 'endedAt'>

function readStream(
  { conn, id, authToken }: { conn: number; id: number; authToken: string },
  up: Chunks,
  down: Chunks,
): VectorStream {
  const upBytes = joined(up.chunks)
  const downBytes = joined(down.chunks)
  const isV2 = upBytes[0] === 0x46
  const version = isV2 ? 2 : 1
  const split = isV2 ? v2Messages : v1Messages
  const skip = isV2 ? 7 : 0
  const [first, second] = split(upBytes.subarray(skip), 2)
  const isControl = first?.type === 'o' || first?.type === 'hello'
  const upClear =
    isControl && isV2 ? [first, second].filter((each) => each !== undefined) : first ? [first] : []
  const downClear = split(downBytes, isControl && isV2 ? 2 : 1)
  const read = (
    { chunks, endedAt }: Chunks,
    clear: readonly ClearMessage[],
    from: number,
    direction: 'client-to-server' | 'server-to-client',
  ): VectorDirection => {
    const bytes = joined(chunks)
    const at = from + clear.reduce((sum, message) => sum + message.framed.length, 0)
    const rest = bytes.subarray(at)
    let offset = from
    const messages = clear.map((message) => {
      offset += message.framed.length
      return toMessage(version, message, timeOf(chunks, offset - 1))
    })
    const base = { chunks, bytes, endedAt }
    if (!isControl || rest.length === 0) return { ...base, messages, sealed: null, payload: rest }
    const [clientHello, serverHello] = [first, downClear[0]].map((hello) => hello?.json ?? Buffer.alloc(0))
    const sealed =
      isV2 && clientHello !== undefined && serverHello !== undefined
        ? openAead(authToken, rest, { clientHello, serverHello, direction })
        : openCfb(authToken, rest)
    let plainEnd = 0
    const hidden = split(Buffer.concat(sealed.records.map((record) => record.plain))).map((message) => {
      plainEnd += message.framed.length
      const wireEnd = isV2 ? recordEnd(sealed, plainEnd) : sealed.start.length + plainEnd
      return toMessage(version, { ...message, isEncrypted: true }, timeOf(chunks, at + wireEnd - 1))
    })
    return { ...base, messages: [...messages, ...hidden], sealed, payload: Buffer.alloc(0) }
  }
  return {
    conn,
    id,
    version,
    kind: isControl ? 'control' : 'work',
    clientToServer: read(up, upClear, skip, 'client-to-server'),
    serverToClient: read(down, downClear, 0, 'server-to-client'),
  }
}

/** Where the record ends that has the last byte of what is `plainEnd` long. */
function recordEnd(sealed: SealedPart, plainEnd: number): number {
  let end = 0
  for (const { plain, wireEnd } of sealed.records) {
    end += plain.length
    if (end >= plainEnd) return wireEnd
  }
  return sealed.wire.length
}

function toMessage(version: 1 | 2, clear: ClearMessage, at: number): VectorMessage {
  const { json, isEncrypted, framed } = clear
  if (clear.type === 'hello') return { message: null, json, isEncrypted, framed, at }
  if (version === 2) return { message: decodePayload(framed.subarray(8)), json, isEncrypted, framed, at }
  const reader = new ByteReader()
  reader.give(framed)
  return { message: readMessage(reader), json, isEncrypted, framed, at }
}

const decodedLine =
  /^ {4}conn(\d+) stream (\d+) (C>S|S>C) (ENCRYPTED-)?MSG '.' (\w+) len=\d+(?: hdr=[0-9a-f]+)? (\{.*\})$/gm

function readDecodedLines(text: string): DecodedLine[] {
  return [...text.matchAll(decodedLine)].map(([, conn, stream, direction, encrypted, kind, json]) => ({
    conn: Number(conn),
    stream: Number(stream),
    direction: direction === 'C>S' ? 'C>S' : 'S>C',
    kind: kind ?? '',
    isEncrypted: encrypted !== undefined,
    json: JSON.parse(json ?? ''),
  }))
}
