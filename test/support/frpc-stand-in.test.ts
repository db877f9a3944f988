/**
 * The stand-in frpc against the recordings: a server that plays the recorded frps gets from it, byte for byte, what
 * the real frpc had sent. Only what is random or the time is taken from the recording.
 */
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { loadVector, vectorNames } from './frp-replay.ts'
import { bytesOf, type Recording, withoutWebSocket, yamuxFrames } from './frp-recording.ts'
import { CfbOpener } from './frpc-ciphers.ts'
import { FrpcStandIn } from './frpc-stand-in.ts'
import type { FrpcOptions, RandomPurpose } from './frpc-options.ts'
import { FrpsReplay } from './frps-replay.ts'

const opened: { stop: () => Promise<unknown> }[] = []

afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop()
})

/** Vectors whose bytes are a function of what the test can give: neither TLS nor compression. */
const comparable = vectorNames.filter((name) => !name.includes('tls') && !name.includes('comp'))
/** Those where Go's goroutines happened to run in the order of the stand-in: equal as a whole, not only by stream. */
const equalAsAWhole = ['plain-authtoken', 'v069-default', 'v069-wire-v2', 'plain-enc']

describe('the stand-in frpc sends what the real one sent', () => {
  it.each(comparable)('%s', async (name) => {
    const vector = loadVector(name)
    const { recording } = vector
    const replay = await FrpsReplay.start(recording)
    opened.push(replay)
    const target = await cannedApp(recording)
    const expectedLogins = vector.clients.map(({ recorded }) => recorded.loginError)
    const clients: FrpcStandIn[] = []
    for (const [index, client] of vector.clients.entries()) {
      const options = client.options({ server: { host: '127.0.0.1', port: replay.port }, target })
      const clientSource = recordedChance(recording, vector.clients.length === 1 ? undefined : index)
      const frpc = FrpcStandIn.connect({ ...options, ...clientSource, ...paceOf(name) })
      opened.push(frpc)
      clients.push(frpc)
      if (expectedLogins[index] === '') await frpc.loginResponse
    }
    await replay.untilPlayed()
    for (const [index, { recorded }] of vector.clients.entries()) {
      // What came later than the log's last word (a second try) is not in the log.
      const answers = clients[index]?.proxyAnswers.slice(0, recorded.proxies.length)
      expect(answers).toMatchObject(recorded.proxies)
    }
    for (const client of clients) await client.stop()
    for (const connection of recording.connections.keys()) {
      const recorded = viewOf(name, bytesOf(recording, connection, 'C>S'))
      expect(viewOf(name, replay.received(connection))).toEqual(recorded)
    }
  })
})

/** The schedules that matter in these recordings, made short; the others run in real time. */
function paceOf(name: string): Partial<FrpcOptions> {
  if (name === 'keepalive') return { timeScale: 0.01 }
  if (name === 'plugin-reject' || name === 'reconnect') return { timeScale: 0.05, retry: 'frpc' }
  return {}
}

/** Random bytes and times in the order in which the recorded process used them. */
function recordedChance(recording: Recording, only: number | undefined): Partial<FrpcOptions> {
  const given: Record<RandomPurpose, Buffer[]> = {
    iv: [],
    nonce: [],
    'client-random': [],
    'websocket-key': [],
    'websocket-mask': [],
  }
  const timestamps: number[] = []
  for (const connection of recording.connections.keys()) {
    if (only !== undefined && only !== connection) continue
    const raw = bytesOf(recording, connection, 'C>S')
    const text = raw.toString('latin1')
    const bytes = withoutWebSocket(raw)
    for (const [, key = ''] of text.matchAll(/Sec-WebSocket-Key: (\S+)/g)) {
      given['websocket-key'].push(Buffer.from(key, 'base64'))
    }
    for (const [, random = ''] of text.matchAll(/"clientRandom":"([^"]+)"/g)) {
      given['client-random'].push(Buffer.from(random, 'base64'))
    }
    for (const write of writesOf(bytes)) {
      if (write.length === 16) given.iv.push(write)
      if (write.length === 12) given.nonce.push(write)
    }
    for (const [, timestamp] of bytes.toString('latin1').matchAll(/"timestamp":(\d+)/g)) {
      timestamps.push(Number(timestamp))
    }
  }
  if (recording.messages.length > 0) {
    timestamps.splice(0, Infinity)
    for (const { connection, direction, body } of recording.messages) {
      const isOurs = direction === 'C>S' && (only === undefined || only === connection)
      if (isOurs && typeof body['timestamp'] === 'number') timestamps.push(body['timestamp'])
    }
  }
  return {
    now: () => timestamps.shift() ?? 0,
    random: (count, purpose) => given[purpose].shift() ?? Buffer.alloc(count),
  }
}

/** The payloads of the data frames; without yamux the parts of a control connection that are no frame. */
function writesOf(bytes: Buffer): Buffer[] {
  if (bytes[0] === 0) {
    return [...yamuxFrames(bytes).values()]
      .flat()
      .filter((frame) => frame[1] === 0)
      .map((frame) => frame.subarray(12))
  }
  if (bytes.toString('latin1', 0, 1) === 'o') {
    const end = 9 + Number(bytes.readBigInt64BE(1))
    return [bytes.subarray(end, end + 16)]
  }
  if (bytes.toString('latin1', 0, 3) !== 'FRP' || !bytes.includes('clientRandom')) return []
  let end = 7
  for (let frame = 0; frame < 2; frame += 1) end += 8 + bytes.readUInt32BE(end + 4)
  return [bytes.subarray(end, end + 12)]
}

/** What is compared: everything in one piece, or by yamux stream where the order between streams was chance. */
function viewOf(name: string, bytes: Buffer): unknown {
  const plain = withoutWebSocket(bytes)
  if (plain[0] !== 0 || equalAsAWhole.includes(name)) return plain.toString('hex')
  const frames = [...yamuxFrames(plain)].toSorted(([one], [other]) => one - other)
  return frames.map(([id, list]) => [id, list.map((frame) => frame.toString('hex'))])
}

/** An app that answers the n-th request with what the recorded app had answered, then closes. */
async function cannedApp(recording: Recording): Promise<{ port: number }> {
  const answers: Buffer[] = []
  for (const connection of recording.connections.keys()) {
    const bytes = withoutWebSocket(bytesOf(recording, connection, 'C>S'))
    const streams = bytes[0] === 0 ? [...yamuxFrames(bytes)].filter(([id]) => id > 1) : []
    for (const [, frames] of streams) {
      const writes = frames.filter((frame) => frame[1] === 0).map((frame) => frame.subarray(12))
      const payload = Buffer.concat(writes.slice(recording.name.startsWith('v069-wire-v2') ? 3 : 1))
      if (payload.length > 0) {
        answers.push(recording.name === 'plain-enc' ? new CfbOpener('').open(payload) : payload)
      }
    }
    const at = bytes[0] === 0 ? -1 : bytes.indexOf('HTTP/1.1 200')
    if (at !== -1) answers.push(bytes.subarray(at))
  }
  const server = createServer((socket) => {
    const answer = answers.shift() ?? ''
    let seen = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1')
      if (seen.endsWith('\r\n\r\n')) socket.end(answer)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  opened.push({
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
      }),
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0 }
}
