import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errorCode } from '../../base/errors.ts'
import { ByteReader } from './byte-reader.ts'
import {
  decodePayload,
  encodeMessage,
  maxMessageBytes,
  maxMetas,
  maxMetasLength,
  readMessage,
} from './message-codec.ts'
import type { FrpMessage } from './messages.ts'
import { readFrame } from './wire-v2.ts'

const emptyLogin: FrpMessage = {
  kind: 'Login',
  version: '',
  hostname: '',
  os: '',
  arch: '',
  user: '',
  privilegeKey: '',
  timestamp: 0,
  runId: '',
  clientId: '',
  metas: {},
  poolCount: 0,
}

function frame(type: string, body: string | Buffer, length?: bigint): Buffer {
  const json = Buffer.from(body)
  const header = Buffer.alloc(9, type)
  header.writeBigInt64BE(length ?? BigInt(json.length), 1)
  return Buffer.concat([header, json])
}

function readerOf(bytes: Buffer): ByteReader {
  const reader = new ByteReader()
  reader.give(bytes)
  return reader
}

function decode(type: string, body: string | Buffer): FrpMessage | null {
  return readMessage(readerOf(frame(type, body)))
}

function codeOf(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    return { code: errorCode(error), message: String(error) }
  }
  return { code: 'none', message: '' }
}

test('fields that are absent or null have their zero value, unknown ones are ignored', () => {
  expect(
    decode('o', '{"unknown":[{}],"user":null,"metas":null,"client_spec":{"always_auth_pass":true}}'),
  ).toEqual(emptyLogin)
})

test('fields with their zero value are left out, except the one that frp always sends', () => {
  expect(encodeMessage(1, emptyLogin)).toEqual(frame('o', '{"client_spec":{}}'))
  expect(encodeMessage(1, { kind: 'ReqWorkConn' }).toString('hex')).toBe('7200000000000000027b7d')
})

describe.each([
  ['o', 'version', '5', 'Login: version must be a text'],
  ['o', 'timestamp', '"5"', 'Login: timestamp must be an integer'],
  ['o', 'timestamp', '1.5', 'Login: timestamp must be an integer'],
  ['o', 'pool_count', '1e300', 'Login: pool_count must be an integer'],
  ['o', 'metas', '[]', 'Login: metas must be an object of texts'],
  ['o', 'metas', '"a"', 'Login: metas must be an object of texts'],
  ['o', 'metas', '{"a":{"b":{}}}', 'Login: metas must have texts only'],
  ['o', 'metas', '{"a":null}', 'Login: metas must have texts only'],
  ['p', 'use_encryption', '1', 'NewProxy: use_encryption must be true or false'],
  ['p', 'remote_port', 'true', 'NewProxy: remote_port must be an integer'],
  ['s', 'src_port', '65536', 'StartWorkConn: src_port must be a port, 0 to 65535'],
  ['s', 'dst_port', '-1', 'StartWorkConn: dst_port must be a port, 0 to 65535'],
])('%s with %s = %s', (type, name, value, message) => {
  test('is refused and the field named', () => {
    expect(codeOf(() => decode(type, `{"${name}":${value}}`))).toEqual({
      code: 'FRP_MESSAGE_INVALID',
      message: `HarpError: ${message}`,
    })
  })
})

test.each([
  ['nothing', ''],
  ['a list', '[]'],
  ['null', 'null'],
  ['a text', '"secret"'],
  ['half an object', '{"privilege_key":"secret"'],
  ['more than an object', '{}{}'],
  ['a byte order mark', Buffer.from('\ufeff{}')],
  ['bytes that are no UTF-8', Buffer.from('{"user":"\xff"}', 'latin1')],
  ['a cut character', Buffer.from('{"user":"secret\xe2\x82"}', 'latin1')],
  ['nesting without end', '['.repeat(maxMessageBytes)],
])('%s is no message, and the error does not quote it', (_what, body) => {
  const { code, message } = codeOf(() => decode('o', body))

  expect({ code, message }).toEqual({
    code: 'FRP_MESSAGE_INVALID',
    message: 'HarpError: Login: no JSON object in UTF-8',
  })
})

test('deep nesting in a field that is not read is no harm', () => {
  const deep = '['.repeat(5_000) + ']'.repeat(5_000)

  expect(decode('o', `{"client_spec":${deep}}`)).toEqual(emptyLogin)
})

test('names of metas cannot reach a prototype', () => {
  const message = decode(
    'o',
    '{"metas":{"__proto__":"a","constructor":"b","toString":"c"},"__proto__":{"user":"x"}}',
  )
  if (message?.kind !== 'Login') throw new Error('no Login')

  expect(Object.getPrototypeOf(message.metas)).toBeNull()
  expect(Object.entries(message.metas)).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['toString', 'c'],
  ])
  expect(message.user).toBe('')
  expect(decode('o', '{}')).toMatchObject({ metas: Object.create(null) as object })
  expect(encodeMessage(1, message).toString()).toContain('{"__proto__":"a","constructor":"b","toString":"c"}')
})

test('metas are bounded in number and size', () => {
  const login = (count: number, size: number): string => {
    const metas = Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'x'.repeat(size)]))
    return JSON.stringify({ metas })
  }

  expect(decode('o', login(maxMetas, 1))).toMatchObject({ kind: 'Login' })
  expect(codeOf(() => decode('o', login(maxMetas + 1, 1))).message).toContain(
    'metas has more than 64 entries',
  )
  expect(decode('o', login(1, maxMetasLength - 2))).toMatchObject({ kind: 'Login' })
  expect(codeOf(() => decode('o', login(1, maxMetasLength - 1))).message).toContain('metas is longer than')
})

test('half a surrogate pair becomes what it is on the wire anyway', () => {
  expect(decode('c', '{"proxy_name":"a\\ud800"}')).toEqual({ kind: 'CloseProxy', proxyName: 'a\ufffd' })
})

describe('wire v1 framing', () => {
  test('what is unknown is refused at its first byte', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const isKnown = 'o1p2crh4wsv3uinm56'.includes(String.fromCharCode(byte))
      const { code } = codeOf(() => readMessage(readerOf(Buffer.of(byte))))
      expect({ byte, code }).toEqual({ byte, code: isKnown ? 'none' : 'FRP_MESSAGE_UNKNOWN' })
    }
  })

  test.each([
    [10_241n, 'FRP_MESSAGE_TOO_LARGE'],
    [2n ** 32n, 'FRP_MESSAGE_TOO_LARGE'],
    [2n ** 32n + 2n, 'FRP_MESSAGE_TOO_LARGE'],
    [2n ** 63n - 1n, 'FRP_MESSAGE_TOO_LARGE'],
    [10_240n, 'none'],
  ])('a length of %d: %s, before its bytes come', (length, code) => {
    expect(codeOf(() => readMessage(readerOf(frame('o', '', length)))).code).toBe(code)
  })

  test.each([-1n, -9n, -(2n ** 63n)])('a length of %d is refused', (length) => {
    expect(codeOf(() => readMessage(readerOf(frame('o', '{}', length))))).toEqual({
      code: 'FRP_MESSAGE_INVALID',
      message: 'HarpError: Login: negative length',
    })
  })

  test('the longest message may come and go, one byte more may not', () => {
    const longest = 'x'.repeat(maxMessageBytes - '{"proxy_name":""}'.length)
    const message: FrpMessage = { kind: 'CloseProxy', proxyName: longest }

    expect(readMessage(readerOf(encodeMessage(1, message)))).toEqual(message)
    expect(codeOf(() => encodeMessage(1, { ...message, proxyName: `${longest}x` })).code).toBe(
      'FRP_MESSAGE_TOO_LARGE',
    )
  })

  test('messages we do not have are named, and their content is not read', () => {
    const reader = readerOf(Buffer.concat([frame('v', 'no JSON'), frame('u', ''), frame('h', '{}')]))

    expect([readMessage(reader), readMessage(reader), readMessage(reader), readMessage(reader)]).toEqual([
      { kind: 'Unsupported', name: 'NewVisitorConn' },
      { kind: 'Unsupported', name: 'UDPPacket' },
      { kind: 'Ping', privilegeKey: '', timestamp: 0 },
      null,
    ])
  })
})

describe('wire v2', () => {
  test.each([
    ['no id', '', 'FRP_WIRE_V2_INVALID'],
    ['half an id', '00', 'FRP_WIRE_V2_INVALID'],
    ['the id 0', '00007b7d', 'FRP_MESSAGE_UNKNOWN'],
    ['the id 19', '00137b7d', 'FRP_MESSAGE_UNKNOWN'],
    ['no JSON', '0001', 'FRP_MESSAGE_INVALID'],
  ])('a message with %s is refused', (_what, hex, code) => {
    expect(codeOf(() => decodePayload(Buffer.from(hex, 'hex'))).code).toBe(code)
  })

  test('nesting without end in 64 KiB is no harm', () => {
    const body = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(65_534, '[')])

    expect(codeOf(() => decodePayload(body)).code).toBe('FRP_MESSAGE_INVALID')
  })

  test.each([
    ['an unknown type', '0003000000000000', 'FRP_WIRE_V2_INVALID'],
    ['flags', '0010000100000000', 'FRP_WIRE_V2_INVALID'],
    ['a long message', '0010000000010001', 'FRP_MESSAGE_TOO_LARGE'],
    ['a long hello', '0001000000001001', 'FRP_MESSAGE_TOO_LARGE'],
    ['the longest message', '0010000000010000', 'none'],
  ])('a frame with %s: before its bytes come', (_what, hex, code) => {
    expect(codeOf(() => readFrame(readerOf(Buffer.from(hex, 'hex')))).code).toBe(code)
  })
})

const text = fc.string({ unit: 'binary', maxLength: 40 })
const texts = fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: false })
const anyMessage: fc.Arbitrary<FrpMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('Login' as const),
    version: text,
    hostname: text,
    os: text,
    arch: text,
    user: text,
    privilegeKey: text,
    timestamp: fc.maxSafeInteger(),
    runId: text,
    clientId: text,
    metas: texts,
    poolCount: fc.integer(),
  }),
  fc.record({
    kind: fc.constant('NewProxy' as const),
    proxyName: text,
    proxyType: text,
    useEncryption: fc.boolean(),
    useCompression: fc.boolean(),
    bandwidthLimit: text,
    bandwidthLimitMode: text,
    group: text,
    groupKey: text,
    metas: texts,
    annotations: texts,
    remotePort: fc.integer(),
  }),
  fc.record({
    kind: fc.constant('StartWorkConn' as const),
    proxyName: text,
    srcAddr: text,
    dstAddr: text,
    srcPort: fc.nat({ max: 65_535 }),
    dstPort: fc.nat({ max: 65_535 }),
    error: text,
  }),
  fc.record({ kind: fc.constant('Pong' as const), error: text }),
  fc.constant<FrpMessage>({ kind: 'Unsupported', name: 'NatHoleSid' }),
)

test('every message survives both wire versions', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      expect(readMessage(readerOf(encodeMessage(1, message)))).toEqual(message)
      const v2 = readFrame(readerOf(encodeMessage(2, message)))
      expect(v2 === null ? null : decodePayload(v2.payload)).toEqual(message)
    }),
  )
})

test.each([
  ['v1', readMessage, 9 + maxMessageBytes],
  ['v2', readFrame, 8 + 65_536],
] as const)('%s: any bytes are messages, an own error, or less than one message', (_version, read, limit) => {
  const likely = fc.constantFrom(
    ...['o', 'w', 'r', '{}', '\0\0\0\0\0\0\0\x02', '\0\x10\0\0\0\0\0\x04'].map(latin1),
  )
  const piece = fc.oneof(
    likely,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const reader = new ByteReader()
      const { code } = codeOf(() => {
        for (const bytes of pieces) {
          reader.give(bytes)
          while (read(reader) !== null);
          reader.keep()
          expect(reader.length).toBeLessThan(limit)
        }
      })
      expect(code).toMatch(/^none$|^FRP_/)
    }),
  )
})

function latin1(value: string): Buffer {
  return Buffer.from(value, 'latin1')
}
