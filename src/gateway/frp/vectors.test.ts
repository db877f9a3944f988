/** Every recorded session of real frp, both directions, through the codec: read, and written again. */
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { transcriptOf } from '../../../test/support/frp-vector-layers.ts'
import {
  loadVector,
  readVectorText,
  vectorNames,
  type VectorConnection,
  type VectorDirection,
  type VectorMessage,
  type VectorStream,
} from '../../../test/support/frp-vectors.ts'
import { ScriptedWire } from '../../../test/support/scripted-wire.ts'
import { AeadOpener, AeadSealer, deriveAeadKeys } from './aead-stream.ts'
import { verifyPrivilegeKey } from './auth.ts'
import { CipherWire } from './cipher-wire.ts'
import { detectConnection, detectStream, type ConnectionStart } from './first-bytes.ts'
import { FrpChannel } from './frp-channel.ts'
import { decodeClientHello, decodeServerHello, encodeClientHello, encodeServerHello } from './hello.ts'
import { decodePayload, encodeMessage } from './message-codec.ts'
import type { FrpMessage } from './messages.ts'
import { encodeFrame, frameType, wireV2Magic } from './wire-v2.ts'

const vectors = vectorNames.map((name) => loadVector(name))
const streams = vectors.flatMap((vector) =>
  vector.connections.flatMap((connection) =>
    connection.streams.map((stream) => ({
      title: `${vector.name}, connection ${stream.conn}, stream ${stream.id}`,
      name: vector.name,
      authToken: vector.authToken,
      stream,
    })),
  ),
)

test('the recordings are all there', () => {
  expect(vectorNames).toHaveLength(27)
  expect(streams).toHaveLength(74)
})

describe.each(vectors)('$name', ({ name, connections }) => {
  test.each(connections)('connection $conn is told by its first bytes', (connection) => {
    const bytes = Buffer.concat(connection.clientToServer.map((chunk) => chunk.bytes))
    const expected: ConnectionStart =
      connection.transport === 'tls'
        ? { kind: 'tls', skip: name === 'tls-custom-byte' ? 1 : 0 }
        : { kind: connection.transport }

    expect(firstAnswer(bytes, detectConnection)).toEqual(expected)
  })

  // NOTE: of a TLS session only ciphertext was recorded; what is inside is not replayed.
  test.each(connections.filter((connection) => connection.transport === 'tls'))(
    'connection $conn goes on with a TLS handshake',
    ({ clientToServer }) => {
      const start = name === 'tls-custom-byte' ? '17160301' : '160301'
      expect(clientToServer[0]?.bytes.toString('hex')).toMatch(new RegExp(`^${start}`))
    },
  )

  test.each(connections.filter((connection) => connection.transport !== 'tls'))(
    'what is inside connection $conn is told by its first bytes',
    (connection) => {
      const [first] = connection.streams
      const inside = connection.hasMux ? Buffer.of(0, 1) : first!.clientToServer.bytes
      expect(firstAnswer(inside, detectStream)).toBe(
        connection.hasMux ? 'yamux' : first!.version === 1 ? 'v1' : 'v2',
      )
      for (const stream of connection.streams) {
        expect(firstAnswer(stream.clientToServer.bytes, detectStream)).toBe(
          stream.version === 1 ? 'v1' : 'v2',
        )
      }
    },
  )
})

describe.each(vectors.filter((vector) => vector.decodedLines.length > 0))(
  '$name',
  ({ connections, decodedLines }) => {
    test('the messages are those that were noted at the recording', () => {
      const found = connections.flatMap((connection) => connection.streams.flatMap((stream) => lines(stream)))
      expect(found).toEqual(expect.arrayContaining([...decodedLines]))
      expect(found).toHaveLength(decodedLines.length)
    })
  },
)

describe.each(streams)('$title', ({ name, stream, authToken }) => {
  test.each(['clientToServer', 'serverToClient'] as const)(
    '%s: a message written again is the same bytes',
    (direction) => {
      for (const { message, framed, json } of stream[direction].messages) {
        expect(
          message === null ? rewrittenHello(json, direction) : encodeMessage(stream.version, message),
        ).toEqual(framed)
      }
    },
  )

  test('the proof of the token is right, except where it was recorded as wrong', () => {
    for (const { message } of stream.clientToServer.messages) {
      if (message === null || !('privilegeKey' in message) || message.privilegeKey === '') continue
      const isRight = verifyPrivilegeKey(authToken, message.timestamp, message.privilegeKey)
      expect(isRight).toBe(name !== 'plain-badtoken')
    }
  })
})

const v1Control = streams.filter(({ stream }) => stream.version === 1 && stream.kind === 'control')
const work = streams.filter(({ stream }) => stream.kind === 'work')
const v2Control = streams.filter(({ stream }) => stream.version === 2 && stream.kind === 'control')

describe.each(v1Control)('$title, replayed by a channel', ({ stream, authToken }) => {
  test.each(['as recorded', 'byte by byte', 'at once'])('as the server, reading %s', (cut) => {
    const replay = replayOf(stream, 'server', stream.serverToClient.sealed?.start)
    replay.onMessage = (message) => {
      if (message.kind !== 'Login') return
      const [answer] = stream.serverToClient.messages
      if (answer !== undefined) replay.say(answer)
      if (stream.clientToServer.sealed !== null) replay.channel.encrypt(authToken)
    }

    for (const piece of pieces(stream.clientToServer, cut)) replay.wire.give(piece)
    for (const answer of stream.serverToClient.messages.slice(1)) replay.say(answer)

    expect(replay.received).toEqual(messagesOf(stream.clientToServer))
    expect(replay.wire.written).toEqual(stream.serverToClient.bytes)
    expect(replay.closes).toEqual([])
  })

  test.each(['as recorded', 'byte by byte', 'at once'])('as the client, reading %s', (cut) => {
    const replay = replayOf(stream, 'client', stream.clientToServer.sealed?.start)
    replay.onMessage = (message) => {
      if (message.kind === 'LoginResp' && message.error === '') replay.channel.encrypt(authToken)
    }

    replay.say(stream.clientToServer.messages[0]!)
    for (const piece of pieces(stream.serverToClient, cut)) replay.wire.give(piece)
    for (const message of stream.clientToServer.messages.slice(1)) replay.say(message)

    expect(replay.received).toEqual(messagesOf(stream.serverToClient))
    expect(replay.wire.written).toEqual(stream.clientToServer.bytes)
    expect(replay.closes).toEqual([])
  })
})

describe.each(work)('$title, replayed by a channel', ({ stream }) => {
  test.each(['as recorded', 'byte by byte', 'at once'])('both ends, reading %s', (cut) => {
    const server = replayOf(stream, 'server')
    const client = replayOf(stream, 'client')
    server.onMessage = () => {
      const [start] = stream.serverToClient.messages
      if (start === undefined) return
      server.say(start)
      server.detach()
    }
    client.onMessage = () => client.detach()

    client.say(stream.clientToServer.messages[0]!)
    for (const piece of pieces(stream.clientToServer, cut)) server.wire.give(piece)
    for (const piece of pieces(stream.serverToClient, cut)) client.wire.give(piece)

    expect(server.received).toEqual(messagesOf(stream.clientToServer))
    expect(client.received).toEqual(messagesOf(stream.serverToClient))
    expect(Buffer.concat(server.raw)).toEqual(stream.clientToServer.payload)
    expect(Buffer.concat(client.raw)).toEqual(stream.serverToClient.payload)
    const firstBytes = stream.clientToServer.bytes.subarray(0, client.wire.written.length)
    expect(client.wire.written).toEqual(firstBytes)
    expect(server.wire.written).toEqual(stream.serverToClient.bytes.subarray(0, server.wire.written.length))
  })
})

describe.each(v2Control.filter(({ stream }) => stream.serverToClient.messages.length > 0))(
  '$title, wire v2',
  ({ stream, authToken }) => {
    const { clientToServer: up, serverToClient: down } = stream
    const hellos = { clientHello: up.messages[0]!.json, serverHello: down.messages[0]!.json }
    const keys = deriveAeadKeys(authToken, hellos.clientHello, hellos.serverHello)

    test.each([
      ['client to server', up, keys.clientToServer],
      ['server to client', down, keys.serverToClient],
    ])('%s: opens, and sealed again is the same bytes', (_name, direction, key) => {
      const { start, wire, records } = direction.sealed!
      const opener = new AeadOpener(key)
      const sealer = new AeadSealer(key, () => start)
      const plain = Buffer.concat(records.map((record) => record.plain))

      const opened = Array.from(wire, (_byte, at) => opener.open(wire.subarray(at, at + 1)))

      expect(Buffer.concat(opened)).toEqual(plain)
      expect(Buffer.concat(records.map((record) => sealer.seal(record.plain)))).toEqual(wire)
    })

    test.each(['as recorded', 'byte by byte', 'at once'])('a server channel reads it %s', (cut) => {
      const { random } = decodeServerHello(hellos.serverHello)
      const replay = replayOf(stream, 'server', random, down.sealed!.start)
      replay.onMessage = (message) => {
        if (message.kind !== 'Login') return
        replay.say(down.messages[1]!)
        replay.channel.encrypt(authToken)
      }

      for (const piece of pieces(up, cut)) replay.wire.give(piece)

      expect(replay.channel.version).toBe(2)
      expect(replay.received).toEqual(messagesOf(up))
      expect(replay.wire.written).toEqual(
        Buffer.concat(down.messages.slice(0, 2).map(({ framed }) => framed)),
      )
      expect(replay.closes).toEqual([])
    })
  },
)

test('v069-wire-v2-nomux agrees with what was verified at the recording', () => {
  const { authToken, connections } = loadVector('v069-wire-v2-nomux')
  const { clientToServer: up, serverToClient: down } = connections[0]!.streams[0]!
  const hellos = { clientHello: up.messages[0]!.json, serverHello: down.messages[0]!.json }
  const keys = deriveAeadKeys(authToken, hellos.clientHello, hellos.serverHello)
  const line = (name: string, { message, json, framed }: VectorMessage): string => {
    const id = message === null ? '' : ` msg=${framed.readUInt16BE(8)}`
    return `${name} frame type=${framed.readUInt16BE(0)}${id} ${json.toString()}`
  }

  expect([
    `magic ${wireV2Magic.toString('hex')}`,
    ...up.messages.slice(0, 2).map((message) => line('C>S', message)),
    ...down.messages.slice(0, 2).map((message) => line('S>C', message)),
    `transcript ${transcriptOf(hellos).toString('hex')}`,
    `client-to-server key ${keys.clientToServer.toString('hex')}`,
    ...up.messages.slice(2).map((message) => line('  client-to-server', message)),
    `server-to-client key ${keys.serverToClient.toString('hex')}`,
    ...down.messages.slice(2).map((message) => line('  server-to-client', message)),
  ]).toEqual(readVectorText('v069-wire-v2-nomux.verified.txt').trimEnd().split('\n'))
})

test('wire v2 to a server that does not know it: a client channel hears only the end', () => {
  const [stream] = loadVector('v069v2-to-v061').connections[0]!.streams
  const closes: (Error | null)[] = []
  const wire = new ScriptedWire()
  const channel = new FrpChannel(wire, {
    side: 'client',
    version: 2,
    randomBytes: (count) => Buffer.alloc(count),
    onMessage: () => expect.unreachable(),
    onClose: (error) => closes.push(error),
  })

  channel.send(messagesOf(stream!.clientToServer)[0]!)
  expect(stream!.serverToClient.bytes).toHaveLength(0)
  wire.giveEnd()

  expect(closes).toEqual([null])
})

test('plain-enc: the payload is the HTTP exchange, and encrypted again the same bytes', () => {
  const stream = onlyExchange('plain-enc')
  const request = 'GET /r0 HTTP/1.1\r\nHost: 127.0.0.1:23001\r\nConnection: close\r\n\r\n'

  const response = throughCipher(stream.clientToServer.payload, 'hello from exapp /r0\n')
  throughCipher(stream.serverToClient.payload, request)

  expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
})

test.each(['plain-comp', 'plain-enc-comp'])('%s: the proxy asks for compression', (name) => {
  const proxies = loadVector(name).connections.flatMap(proxiesOf)

  expect(proxies).toMatchObject([{ useCompression: true, useEncryption: name === 'plain-enc-comp' }])
})

test('plain-bw-server: the proxy says who limits it', () => {
  expect(loadVector('plain-bw-server').connections.flatMap(proxiesOf)).toMatchObject([
    { bandwidthLimit: '100KB', bandwidthLimitMode: 'server' },
  ])
})

test('what frp told its login plugin is what the codec reads from the wire', () => {
  const requests = JSON.parse(readVectorText('httpplugin-login.json')) as { readonly body: string }[]
  const reported = requests.map(({ body }) => {
    // Its content has the client's address besides, which is no field of Login.
    const { content } = JSON.parse(body) as { readonly content: unknown }
    return decodePayload(Buffer.concat([Buffer.of(0, 1), Buffer.from(JSON.stringify(content))]))
  })
  const onTheWire = streams.flatMap(({ stream }) => messagesOf(stream.clientToServer))

  const found = reported.filter((login) => onTheWire.some((message) => isDeepStrictEqual(message, login)))
  // Two more belong to sessions inside TLS.
  expect([reported.length, found.length]).toEqual([25, 23])
})

/** The first answer that is not need-more, and that no shorter piece had another one. */
function firstAnswer<T extends string | { kind: string }>(bytes: Buffer, detect: (bytes: Buffer) => T): T {
  for (let length = 0; ; length += 1) {
    const answer = detect(bytes.subarray(0, length))
    if ((typeof answer === 'string' ? answer : answer.kind) === 'need-more') continue
    expect(detect(bytes)).toEqual(answer)
    return answer
  }
}

function lines(stream: VectorStream): unknown[] {
  return (['C>S', 'S>C'] as const).flatMap((direction) =>
    stream[direction === 'C>S' ? 'clientToServer' : 'serverToClient'].messages.map((each) => ({
      conn: stream.conn,
      stream: stream.id,
      direction,
      kind: each.message?.kind,
      isEncrypted: each.isEncrypted,
      json: JSON.parse(each.json.toString()) as unknown,
    })),
  )
}

function rewrittenHello(json: Buffer, direction: 'clientToServer' | 'serverToClient'): Buffer {
  return direction === 'clientToServer'
    ? encodeFrame(frameType.clientHello, encodeClientHello(decodeClientHello(json)))
    : encodeFrame(frameType.serverHello, encodeServerHello(decodeServerHello(json)))
}

function messagesOf(direction: VectorDirection): FrpMessage[] {
  return direction.messages.flatMap(({ message }) => (message === null ? [] : [message]))
}

function pieces(direction: VectorDirection, cut: string): Buffer[] {
  if (cut === 'as recorded') return direction.chunks.map((chunk) => chunk.bytes)
  if (cut === 'at once') return [direction.bytes]
  return Array.from(direction.bytes, (_byte, at) => direction.bytes.subarray(at, at + 1))
}

function replayOf(stream: VectorStream, side: 'server' | 'client', ...randoms: (Buffer | undefined)[]) {
  const wire = new ScriptedWire()
  const replay = {
    wire,
    received: [] as FrpMessage[],
    closes: [] as (Error | null)[],
    raw: [] as Buffer[],
    onMessage: (_message: FrpMessage): void => undefined,
    say: ({ message }: VectorMessage): void => channel.send(message!),
    detach: (): void => {
      const { early } = channel.detach()
      replay.raw.push(early)
      wire.setHandler({
        onData: (chunk) => replay.raw.push(Buffer.from(chunk)),
        onEnd: () => undefined,
        onDrain: () => undefined,
        onClose: () => undefined,
      })
    },
    get channel(): FrpChannel {
      return channel
    },
  }
  const channel = new FrpChannel(wire, {
    side,
    version: stream.version,
    randomBytes: (count) => {
      const random = randoms.shift()
      expect(random).toHaveLength(count)
      return random!
    },
    onMessage: (message) => {
      replay.received.push(message)
      replay.onMessage(message)
    },
    onClose: (error) => replay.closes.push(error),
  })
  return replay
}

function proxiesOf(connection: VectorConnection): FrpMessage[] {
  return connection.streams
    .flatMap((stream) => messagesOf(stream.clientToServer))
    .filter((message) => message.kind === 'NewProxy')
}

function onlyExchange(name: string): VectorStream {
  const found = loadVector(name).connections[0]!.streams.filter(
    (each) => each.clientToServer.payload.length > 0,
  )
  expect(found).toHaveLength(1)
  return found[0]!
}

/** Opens the recorded bytes, the first 20 of them as `early`, and checks that sealing gives them again. */
function throughCipher(recorded: Buffer, expectedPart: string): string {
  const wire = new ScriptedWire()
  const iv = recorded.subarray(0, 16)
  const cipher = new CipherWire(wire, {
    authToken: '',
    randomBytes: () => iv,
    early: recorded.subarray(0, 20),
  })
  const clear: Buffer[] = []
  cipher.setHandler({
    onData: (chunk) => clear.push(chunk),
    onEnd: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
  })
  wire.give(recorded.subarray(20))
  wire.close()
  const text = Buffer.concat(clear).toString('latin1')
  cipher.write(text)
  expect(text).toContain(expectedPart)
  expect(wire.written).toEqual(recorded)
  return text
}
