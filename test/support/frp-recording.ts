/** The recorded sessions of real frpc and frps (test/vectors/frp): configuration, what came of it, and every byte. */
import { readFileSync } from 'node:fs'
import { parse } from 'smol-toml'
import { takeFrame } from './frpc-websocket.ts'

export interface RecordedEvent {
  readonly direction: 'C>S' | 'S>C'
  /** Empty for the end of a direction. */
  readonly bytes: Buffer
  readonly isEnd: boolean
}

export interface RecordedMessage {
  readonly connection: number
  readonly direction: 'C>S' | 'S>C'
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

/** One frpc process, as its own log tells it. */
export interface RecordedProcess {
  readonly loginError: string
  /** Of the proxies, in the order of the answers; an empty text is success. */
  readonly proxies: readonly { readonly name: string; readonly error: string }[]
}

export interface Recording {
  readonly name: string
  /** frpc.toml, parsed. */
  readonly config: Readonly<Record<string, unknown>>
  /** By connection, in the order of opening. */
  readonly connections: readonly (readonly RecordedEvent[])[]
  /** Only what the decoder of the time could read: not inside TLS, websocket and wire v2. */
  readonly messages: readonly RecordedMessage[]
  readonly processes: readonly RecordedProcess[]
  /** Paths of the HTTP requests that were answered with 200. */
  readonly paths: readonly string[]
}

const folder = new URL('../vectors/frp/', import.meta.url)

export function loadRecording(name: string): Recording {
  const text = readFileSync(new URL(`${name}.decoded.txt`, folder), 'utf8')
  const raw = readFileSync(new URL(`${name}.raw.jsonl`, folder), 'utf8')
  const section = (title: string): string | undefined =>
    text.split(/^## /m).find((part) => part.startsWith(`${title}\n`))
  const results: unknown = JSON.parse(/results (\[.*\])$/m.exec(text)?.[1] ?? '[]')
  return {
    name,
    config: parse((section('frpc config') ?? '').replace('frpc config\n', '')),
    connections: connectionsOf(raw),
    messages: messagesOf(section('wire') ?? ''),
    processes: ['frpc log', 'second frpc log']
      .map((title) => section(title))
      .filter((log) => log !== undefined)
      .map((log) => processOf(log)),
    paths: (results as string[]).map((line) => /^200 hello from exapp (\S+)$/.exec(line)?.[1] ?? '?'),
  }
}

/** All that frpc (or frps) sent on a connection, without websocket framing. */
export function bytesOf(
  recording: Recording,
  connection: number,
  direction: RecordedEvent['direction'],
): Buffer {
  const events = recording.connections[connection] ?? []
  return Buffer.concat(events.filter((event) => event.direction === direction).map(({ bytes }) => bytes))
}

/** Takes the upgrade and the frames away; other bytes stay as they are. */
export function withoutWebSocket(bytes: Buffer): Buffer {
  if (!/^(?:GET|HTTP)/.test(bytes.toString('latin1', 0, 4))) return bytes
  const payloads: Buffer[] = []
  for (let rest = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4); ;) {
    const frame = takeFrame(rest)
    if (frame === undefined) return Buffer.concat(payloads)
    payloads.push(frame.payload)
    rest = frame.rest
  }
}

/** The frames of a yamux direction by stream (pings under 0), each with its header. */
export function yamuxFrames(bytes: Buffer): Map<number, Buffer[]> {
  const streams = new Map<number, Buffer[]>()
  for (let at = 0; at + 12 <= bytes.length;) {
    const end = at + 12 + (bytes[at + 1] === 0 ? bytes.readUInt32BE(at + 8) : 0)
    const id = bytes.readUInt32BE(at + 4)
    streams.set(id, [...(streams.get(id) ?? []), bytes.subarray(at, end)])
    at = end
  }
  return streams
}

function connectionsOf(raw: string): RecordedEvent[][] {
  const connections: RecordedEvent[][] = []
  for (const line of raw.trim().split('\n')) {
    const chunk = JSON.parse(line) as { conn: number; dir: string; hex?: string; fin?: number }
    const events = (connections[chunk.conn] ??= [])
    if (chunk.dir === 'open') continue
    events.push({
      direction: chunk.dir as RecordedEvent['direction'],
      bytes: Buffer.from(chunk.hex ?? '', 'hex'),
      isEnd: chunk.fin === 1,
    })
  }
  return connections
}

function messagesOf(wire: string): RecordedMessage[] {
  const pattern =
    /^ +conn(\d+) stream \d+ (C>S|S>C) (?:ENCRYPTED-)?MSG '.' (\w+) len=\d+ (?:hdr=\w+ )?(\{.*\})$/gm
  return [...wire.matchAll(pattern)].map(([, connection, direction, name, body]) => ({
    connection: Number(connection),
    direction: direction as RecordedMessage['direction'],
    name: name ?? '',
    body: JSON.parse(body ?? '{}') as Record<string, unknown>,
  }))
}

function processOf(log: string): RecordedProcess {
  const proxies = new Map<string, string>()
  for (const [, name = '', error = ''] of log.matchAll(
    /\[([^\]]+)\] start (?:proxy success|error: (.*))$/gm,
  )) {
    proxies.set(name, error)
  }
  // NOTE: the first line with [E] is the server's answer; without any the answer never came or was good.
  const refusal = / \[E\] \[client\/service\.go:\d+\] (.*)$/m.exec(log)?.[1]
  const failure = /connect to server error: (.*)$/m.exec(log)?.[1]
  const loginError = proxies.size > 0 ? '' : (refusal ?? failure ?? '')
  return { loginError, proxies: [...proxies].map(([name, error]) => ({ name, error })) }
}
