import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ScriptedWire } from '../../../test/support/scripted-wire.ts'
import { errorCode } from '../../base/errors.ts'
import { AeadSealer, deriveAeadKeys } from './aead-stream.ts'
import { ByteReader } from './byte-reader.ts'
import { FrpChannel, maxQueuedBytes, type FrpChannelOptions } from './frp-channel.ts'
import { decodeServerHello, encodeClientHello, encodeServerHello } from './hello.ts'
import { encodeMessage } from './message-codec.ts'
import type { FrpMessage, OutgoingMessage } from './messages.ts'
import { encodeFrame, frameType, readFrame, wireV2Magic } from './wire-v2.ts'

type Side = 'server' | 'client'

class End {
  readonly wire = new ScriptedWire()
  readonly messages: FrpMessage[] = []
  readonly closes: (Error | null)[] = []
  readonly channel: FrpChannel
  react: (message: FrpMessage) => void = () => undefined

  constructor(side: Side, options: Partial<FrpChannelOptions> = {}) {
    let count = 0
    this.channel = new FrpChannel(this.wire, {
      side,
      randomBytes: (size) => {
        count += 1
        return createHash('sha512').update(`${side} ${count}`).digest().subarray(0, size)
      },
      onMessage: (message) => {
        this.messages.push(message)
        this.react(message)
      },
      onClose: (error) => this.closes.push(error),
      ...options,
    })
  }

  get kinds(): string[] {
    return this.messages.map((message) => message.kind)
  }
}

const versions = [1, 2] as const
const runId = '0123456789abcdef'

/** What each side says in a whole login, as bytes: the client's Login and the encrypted rest. */
function loginConversation(version: 1 | 2): { fromClient: Buffer; fromServer: Buffer } {
  const client = new End('client', { version })
  const server = new End('server')
  server.react = (message) => answerLogin(server, message)
  client.react = (message) => {
    if (message.kind === 'LoginResp') {
      client.channel.encrypt('token')
      client.channel.send({ kind: 'NewProxy', proxyName: 'app', proxyType: 'tcp', remotePort: 23_001 })
      client.channel.send({ kind: 'Ping' })
    }
  }
  client.wire.onWrite = (bytes) => server.wire.give(bytes)
  server.wire.onWrite = (bytes) => client.wire.give(bytes)
  client.channel.send({ kind: 'Login', version: '0.61.1', poolCount: 1, metas: { token: 'key' } })
  expect(server.kinds).toEqual(['Login', 'NewProxy', 'Ping'])
  expect(client.kinds).toEqual(['LoginResp', 'ReqWorkConn', 'NewProxyResp', 'Pong'])
  expect([...server.closes, ...client.closes]).toEqual([])
  return { fromClient: client.wire.written, fromServer: server.wire.written }
}

function answerLogin(server: End, message: FrpMessage): void {
  if (message.kind === 'Login') {
    server.channel.send({ kind: 'LoginResp', version: '0.61.1', runId })
    server.channel.encrypt('token')
    server.channel.send({ kind: 'ReqWorkConn' })
  } else if (message.kind === 'NewProxy') {
    server.channel.send({ kind: 'NewProxyResp', proxyName: message.proxyName, remoteAddr: ':23001' })
  } else if (message.kind === 'Ping') server.channel.send({ kind: 'Pong' })
}

describe.each(versions)('wire v%d', (version) => {
  const { fromClient, fromServer } = loginConversation(version)

  test('a login reads the same at the server, wherever it is split', () => {
    for (let at = 0; at <= fromClient.length; at += 1) {
      const server = new End('server')
      server.react = (message) => answerLogin(server, message)
      server.wire.give(fromClient.subarray(0, at))
      server.wire.give(fromClient.subarray(at))
      expect(server.kinds, `split at ${at}`).toEqual(['Login', 'NewProxy', 'Ping'])
      expect(server.wire.written).toEqual(fromServer)
      expect(server.channel.version).toBe(version)
      expect(server.closes).toEqual([])
    }
  })

  test('a login reads the same at the client, wherever it is split', () => {
    for (let at = 0; at <= fromServer.length; at += 1) {
      const client = new End('client', { version })
      client.react = (message) => {
        if (message.kind === 'LoginResp') client.channel.encrypt('token')
      }
      client.channel.send({ kind: 'Login', version: '0.61.1', poolCount: 1, metas: { token: 'key' } })
      client.wire.give(fromServer.subarray(0, at))
      client.wire.give(fromServer.subarray(at))
      expect(client.kinds, `split at ${at}`).toEqual(['LoginResp', 'ReqWorkConn', 'NewProxyResp', 'Pong'])
      expect(client.closes).toEqual([])
    }
  })

  test('the server may answer the login later', () => {
    const server = new End('server')
    const loginEnd = fromClient.length - (version === 1 ? 16 : 12) - sealedLength(version)
    server.wire.give(fromClient.subarray(0, loginEnd))
    expect(server.kinds).toEqual(['Login'])
    expect(server.wire.written).toHaveLength(0)
    server.react = (message) => answerLogin(server, message)

    answerLogin(server, server.messages[0]!)
    server.wire.give(fromClient.subarray(loginEnd))

    expect(server.kinds).toEqual(['Login', 'NewProxy', 'Ping'])
    expect(server.wire.written).toEqual(fromServer)
  })

  test('the bytes of the end within a message are missed', () => {
    const server = new End('server')
    server.react = (message) => answerLogin(server, message)
    const login = version === 1 ? 40 : wireV2Magic.length + 40
    server.wire.give(fromClient.subarray(0, login))

    server.wire.giveEnd()

    expect(server.closes.map(errorCode)).toEqual(['FRP_MESSAGE_TRUNCATED'])
    expect(server.wire.calls).toEqual(['destroySoon'])
    server.wire.close(new Error('late'))
    expect(server.closes).toHaveLength(1)
  })

  test('a work connection becomes raw bytes behind its start, with what came early', () => {
    const client = new End('client', { version })
    client.channel.send({ kind: 'NewWorkConn', runId })
    const server = new End('server')
    server.wire.give(client.wire.written)
    expect(server.messages).toEqual([{ kind: 'NewWorkConn', runId, privilegeKey: '', timestamp: 0 }])
    server.channel.send({ kind: 'StartWorkConn', proxyName: 'app', srcPort: 5, dstPort: 6 })
    let early = ''
    client.react = () => {
      early = client.channel.detach().early.toString()
    }

    client.wire.give(Buffer.concat([server.wire.written, Buffer.from('o raw bytes')]))
    client.wire.giveEnd()
    client.wire.close()
    client.channel.destroy()
    client.channel.send({ kind: 'Ping' })

    expect(client.kinds).toEqual(['StartWorkConn'])
    expect(early).toBe('o raw bytes')
    expect(client.closes).toEqual([])
    expect(client.wire.calls).toEqual([])
    expect(client.wire.writes).toHaveLength(1)
  })

  test('destroy inside a message stops before the next one', () => {
    const server = new End('server')
    server.react = () => server.channel.destroy(new Error('enough'))
    const work = new End('client', { version })
    work.channel.send({ kind: 'NewWorkConn', runId })
    const next = encodeMessage(version, { kind: 'Ping' })

    server.wire.give(Buffer.concat([work.wire.written, next]))
    expect(server.closes).toEqual([])
    server.wire.close()

    expect(server.kinds).toEqual(['NewWorkConn'])
    expect(server.closes).toEqual([new Error('enough')])
  })

  test('who destroys first says why', () => {
    const client = new End('client', { version })

    client.channel.destroySoon()
    client.channel.destroy(new Error('too slow'))
    client.channel.destroy(new Error('again'))
    client.wire.close(new Error('cut'))
    client.channel.destroy()

    expect(client.closes).toEqual([new Error('too slow')])
    expect(client.wire.calls).toEqual(['destroySoon', 'destroy', 'destroy'])
  })

  test('encrypting twice ends the channel instead of throwing', () => {
    const server = new End('server')
    server.react = (message) => {
      answerLogin(server, message)
      server.channel.encrypt('token')
    }

    server.wire.give(fromClient)
    server.wire.close()

    expect(server.kinds).toEqual(['Login'])
    expect(server.closes).toEqual([new TypeError('the channel is encrypted already')])
  })

  test('destroySoon lets a refusal leave, and reads nothing more', () => {
    const server = new End('server')
    server.react = () => {
      server.channel.send({ kind: 'LoginResp', error: 'no' })
      server.channel.destroySoon()
      server.channel.send({ kind: 'Pong' })
    }

    server.wire.give(fromClient)
    expect(server.wire.calls).toEqual(['destroySoon'])
    server.wire.close()

    expect(server.kinds).toEqual(['Login'])
    expect(server.wire.written.toString()).toMatch(/\{"error":"no"\}$/)
    expect(server.closes).toEqual([null])
  })

  test('a message that is too long ends the channel instead of throwing', () => {
    const client = new End('client', { version })

    client.channel.send({ kind: 'NewWorkConn', runId: 'x'.repeat(70_000) })
    client.wire.close()

    expect(client.closes.map(errorCode)).toEqual(['FRP_MESSAGE_TOO_LARGE'])
    expect(client.wire.writes).toEqual([])
  })

  test('any change in what a client sends ends, if at all, in an own error', () => {
    const change = fc.record({
      at: fc.nat({ max: fromClient.length - 1 }),
      drop: fc.nat({ max: 20 }),
      insert: fc.uint8Array({ maxLength: 20 }),
    })
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 400 }),
        (changes, size) => {
          let bytes = fromClient
          for (const { at, drop, insert } of changes) {
            bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + drop)])
          }
          expect(endOf(bytes, size)).toMatch(ownEnd)
        },
      ),
    )
  })
})

/** What follows the clear login at the client: NewProxy and Ping, encrypted. */
function sealedLength(version: 1 | 2): number {
  const messages: OutgoingMessage[] = [
    { kind: 'NewProxy', proxyName: 'app', proxyType: 'tcp', remotePort: 23_001 },
    { kind: 'Ping' },
  ]
  return messages.reduce(
    (sum, message) => sum + encodeMessage(version, message).length + (version - 1) * 20,
    0,
  )
}

/** How a server's channel ends that reads these bytes in pieces of this size. */
function endOf(bytes: Buffer, size: number): string {
  const server = new End('server')
  server.react = (message) => {
    const isAgain = server.kinds.filter((kind) => kind === 'Login').length > 1
    if (message.kind !== 'Login' || !isAgain) answerLogin(server, message)
  }
  for (let at = 0; at < bytes.length; at += size) server.wire.give(bytes.subarray(at, at + size))
  server.wire.giveEnd()
  server.wire.close()
  return server.closes.map((error) => (error === null ? 'orderly' : errorCode(error))).join()
}

const ownEnd = /^(?:orderly|FRP_\w+)$/

test('any bytes at all end, if at all, in an own error', () => {
  const start = fc.constantFrom(
    '',
    'o',
    'w\0\0\0\0\0\0',
    'FRP\0\x02\r\n',
    'FRP\0\x02\r\n\0\x01\0\0\0\0\0',
    '\0',
  )
  fc.assert(
    fc.property(
      start,
      fc.uint8Array({ maxLength: 2_000 }),
      fc.integer({ min: 1, max: 100 }),
      (text, bytes, size) => {
        expect(endOf(Buffer.concat([Buffer.from(text, 'latin1'), bytes]), size)).toMatch(ownEnd)
      },
    ),
  )
})

test.each([
  ['a yamux session', '\0\x01\0\x01', 'FRP_MESSAGE_UNKNOWN'],
  ['TLS', '\x16\x03\x01', 'FRP_MESSAGE_UNKNOWN'],
  ['a message that starts no stream', 'p', 'FRP_MESSAGE_UNKNOWN'],
  ['half a magic', 'FRP\x01', 'FRP_MESSAGE_UNKNOWN'],
  ['a long message', 'o\0\0\0\0\0\0\x28\x01', 'FRP_MESSAGE_TOO_LARGE'],
  ['a login without a hello in v2', 'FRP\0\x02\r\n\0\x10\0\0\0\0\0\x04\0\x01{}', 'FRP_WIRE_V2_INVALID'],
  ["the server's hello in v2", 'FRP\0\x02\r\n\0\x02\0\0\0\0\0\x02{}', 'FRP_WIRE_V2_INVALID'],
  ['an empty hello in v2', 'FRP\0\x02\r\n\0\x01\0\0\0\0\0\x02{}', 'FRP_WIRE_V2_INVALID'],
])('a server destroys the wire at %s', (_what, bytes, code) => {
  const server = new End('server')

  server.wire.give(Buffer.from(bytes, 'latin1'))
  expect(server.wire.calls).toEqual(['destroy'])
  server.wire.close()

  expect(server.closes.map(errorCode)).toEqual([code])
  expect(server.messages).toEqual([])
})

test('an orderly end is no error, and neither is one of the wire hidden', () => {
  const ended = new End('server')
  ended.wire.giveEnd()
  ended.wire.close()
  const broken = new End('server')
  const reset = new Error('ECONNRESET')
  broken.wire.close(reset)

  expect(ended.closes).toEqual([null])
  expect(broken.closes).toEqual([reset])
})

test('a peer that answers inside our write is heard in order', () => {
  const server = new End('server')
  server.react = (message) => server.channel.send({ kind: 'Pong', error: message.kind })
  server.wire.onWrite = () => {
    const isFirst = server.messages.length === 1
    if (isFirst) server.wire.give(encodeMessage(1, { kind: 'CloseProxy', proxyName: 'c' }))
  }
  const both = [encodeMessage(1, { kind: 'NewWorkConn' }), encodeMessage(1, { kind: 'Ping' })]

  server.wire.give(Buffer.concat(both))

  expect(server.kinds).toEqual(['NewWorkConn', 'Ping', 'CloseProxy'])
})

test('a peer that does not read its answers is given up', () => {
  const server = new End('server')
  server.wire.give(encodeMessage(1, { kind: 'NewWorkConn' }))
  const answer = encodeMessage(1, { kind: 'Pong' })
  const send = (count: number): void => {
    for (let n = 0; n < count; n += 1) server.channel.send({ kind: 'Pong' })
  }
  const most = Math.floor(maxQueuedBytes / answer.length)

  send(2 * most)
  server.wire.isWritable = false
  send(most)
  server.wire.drain()
  server.wire.isWritable = false
  send(most)
  expect(server.wire.calls).toEqual([])
  send(1)
  server.wire.close()

  expect(server.closes.map(errorCode)).toEqual(['FRP_PEER_STALLED'])
})

test('wire v2: who offers no aes-256-gcm is told so before the end', () => {
  const server = new End('server')

  server.wire.give(Buffer.concat([wireV2Magic, hello('xchacha20-poly1305')]))
  const answer = new ByteReader()
  answer.give(server.wire.written)
  expect(decodeServerHello(readFrame(answer)!.payload).error).toContain('aes-256-gcm')
  expect(server.wire.calls).toEqual(['destroySoon'])
  server.wire.close()

  expect(server.closes.map(errorCode)).toEqual(['FRP_CIPHER_UNSUPPORTED'])
})

test.each([
  ['twice', [hello(), hello()]],
  ['behind a message', [encodeMessage(2, { kind: 'NewWorkConn', runId }), hello()]],
])('wire v2: a server takes no hello %s', (_where, frames) => {
  const server = new End('server')

  server.wire.give(Buffer.concat([wireV2Magic, ...frames]))
  server.wire.close()

  expect(server.closes.map(errorCode)).toEqual(['FRP_WIRE_V2_INVALID'])
})

test('wire v2: a login behind another message still needs a hello', () => {
  const server = new End('server')
  const messages = [encodeMessage(2, { kind: 'NewWorkConn', runId }), encodeMessage(2, { kind: 'Login' })]

  server.wire.give(Buffer.concat([wireV2Magic, ...messages]))
  server.wire.close()

  expect(server.kinds).toEqual(['NewWorkConn'])
  expect(server.closes.map(errorCode)).toEqual(['FRP_WIRE_V2_INVALID'])
})

function hello(algorithm = 'aes-256-gcm'): Buffer {
  const bootstrap = { tls: false, tcpMux: true }
  const payload = encodeClientHello({ bootstrap, algorithms: [algorithm], random: Buffer.alloc(32) })
  return encodeFrame(frameType.clientHello, payload)
}

describe('wire v2, the client', () => {
  const serverHello = encodeServerHello({ algorithm: 'aes-256-gcm', random: Buffer.alloc(32), error: '' })

  function loggingIn(): End {
    const client = new End('client', { version: 2, bootstrap: { tls: true, tcpMux: true } })
    client.channel.send({ kind: 'Login' })
    return client
  }

  test('sends magic, hello and login in one write', () => {
    const client = loggingIn()

    expect(client.wire.writes).toHaveLength(1)
    expect(client.wire.written.subarray(0, 7)).toEqual(wireV2Magic)
    expect(client.wire.written.toString()).toContain('{"transport":"tcp","tls":true,"tcpMux":true}')
  })

  test.each([
    ['{"error":"go away"}', 'FRP_HELLO_REFUSED'],
    [
      `{"selected":{"crypto":{"algorithm":"rot13","serverRandom":"${Buffer.alloc(32).toString('base64')}"}}}`,
      'FRP_CIPHER_UNSUPPORTED',
    ],
    ['{}', 'FRP_WIRE_V2_INVALID'],
  ])('takes no server hello %s', (hello, code) => {
    const client = loggingIn()

    client.wire.give(encodeFrame(frameType.serverHello, Buffer.from(hello)))
    client.wire.close()

    expect(client.closes.map(errorCode)).toEqual([code])
  })

  test('takes one hello', () => {
    const client = loggingIn()

    client.wire.give(encodeFrame(frameType.serverHello, serverHello))
    expect(client.wire.calls).toEqual([])
    client.wire.give(encodeFrame(frameType.serverHello, serverHello))
    client.wire.close()

    expect(client.closes.map(errorCode)).toEqual(['FRP_WIRE_V2_INVALID'])
  })

  test('takes no answer before the hello, and no hello on a work connection', () => {
    const early = loggingIn()
    early.wire.give(encodeMessage(2, { kind: 'LoginResp', runId }))
    early.wire.close()
    const work = new End('client', { version: 2 })
    work.channel.send({ kind: 'NewWorkConn', runId })
    work.wire.give(encodeFrame(frameType.serverHello, serverHello))
    work.wire.close()

    expect([...early.closes, ...work.closes].map(errorCode)).toEqual([
      'FRP_WIRE_V2_INVALID',
      'FRP_WIRE_V2_INVALID',
    ])
  })
})

test('wire v2: bytes under another key end the channel, also when they wait for encrypt()', () => {
  const { fromClient } = loginConversation(2)
  const login = fromClient.subarray(0, fromClient.length - 12 - sealedLength(2))
  const keys = deriveAeadKeys('other', Buffer.from('a'), Buffer.from('b'))
  const forged = new AeadSealer(keys.clientToServer, (count) => Buffer.alloc(count, 0x41)).seal(
    Buffer.from('x'),
  )
  const server = new End('server')
  server.react = (message) => answerLogin(server, message)

  server.wire.give(Buffer.concat([login, forged]))
  server.wire.close()

  expect(server.kinds).toEqual(['Login'])
  expect(server.closes.map(errorCode)).toEqual(['FRP_RECORD_FORGED'])
})
