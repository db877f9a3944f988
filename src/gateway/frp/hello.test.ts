import { expect, test } from 'vitest'
import { decodeClientHello, decodeServerHello, encodeClientHello, encodeServerHello } from './hello.ts'

const random = Buffer.alloc(32, 1)
const clientHello = {
  capabilities: {
    message: { codecs: ['json'] },
    crypto: { algorithms: ['aes-256-gcm'], clientRandom: random.toString('base64') },
  },
}
const invalid = expect.objectContaining({ code: 'FRP_WIRE_V2_INVALID' })

test('a client hello without what we do not need is read', () => {
  expect(decodeClientHello(Buffer.from(JSON.stringify(clientHello)))).toEqual({
    bootstrap: { tls: false, tcpMux: false },
    algorithms: ['aes-256-gcm'],
    random,
  })
})

test('what the client says about the layers below survives', () => {
  const hello = { bootstrap: { tls: true, tcpMux: true }, algorithms: ['a', 'b'], random }

  expect(decodeClientHello(encodeClientHello(hello))).toEqual(hello)
})

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['nothing in it', '{}'],
  ['another codec', change(['message', 'codecs'], ['cbor'])],
  ['a codec that is no list', change(['message', 'codecs'], 'json')],
  ['algorithms that are no texts', change(['crypto', 'algorithms'], [1])],
  ['no random', change(['crypto', 'clientRandom'], undefined)],
  ['a short random', change(['crypto', 'clientRandom'], 'AAAA')],
])('a client hello is refused for %s', (_what, text) => {
  expect(() => decodeClientHello(Buffer.from(text))).toThrow(invalid)
})

test("the server's refusal says why", () => {
  const refusal = encodeServerHello({ algorithm: '', random: Buffer.alloc(0), error: 'no cipher' })

  expect(decodeServerHello(refusal)).toMatchObject({ error: 'no cipher' })
})

test.each(['[]', '{', '{}', '{"error":5}', '{"selected":{"crypto":{"algorithm":"aes-256-gcm"}}}'])(
  'a server hello is refused: %s',
  (text) => {
    expect(() => decodeServerHello(Buffer.from(text))).toThrow(invalid)
  },
)

function change([group, name]: readonly [string, string], value: unknown): string {
  const copy = structuredClone(clientHello) as { capabilities: Record<string, Record<string, unknown>> }
  copy.capabilities[group]![name] = value
  return JSON.stringify(copy)
}
