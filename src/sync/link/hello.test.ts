import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FormatError } from '../format/format-error.ts'
import { decodeControl, deviceName, encodeControl } from './hello.ts'
import type { ControlMessage, Hello } from './hello.ts'
import { linkLimits } from './link-limits.ts'
import { decodeTopic, encodeTopic } from './stream-topic.ts'

const hello: Hello = {
  type: 'hello',
  instance: '0123456789abcdef0123456789abcdef',
  name: 'Laptop of Ann',
  listens: ['192.168.1.4:22783', '[2001:db8::1]:22783'],
  features: [],
}

test.each<ControlMessage>([hello, { type: 'poke' }, { type: 'goodbye', reason: 'stopping' }])(
  'what one end says the other reads: $type',
  (message) => {
    expect(decodeControl(encodeControl(message))).toEqual(message)
  },
)

test('a name of another device is one short line when it is shown', () => {
  const nasty = decodeControl(encodeControl({ ...hello, name: '\u001b[31mred\nsecond\u202eline' }))
  expect(nasty).toMatchObject({ name: '[31mred second line' })
  expect(deviceName('x'.repeat(1_000)).length).toBeLessThanOrEqual(linkLimits.nameCharacters)
  expect(deviceName('😀'.repeat(100)).isWellFormed()).toBe(true)
  expect(deviceName(' \u0000 ')).toBe('unnamed')
})

test('as many addresses as the limit, and no more', () => {
  const many = (count: number): Hello => ({
    ...hello,
    listens: Array.from({ length: count }, (_, index) => `10.0.0.${index}:1`),
  })
  expect(decodeControl(encodeControl(many(linkLimits.addresses)))).toMatchObject({ type: 'hello' })
  expect(() => encodeControl(many(linkLimits.addresses + 1))).toThrow(FormatError)
})

test.each(['no address', '10.0.0.1', '10.0.0.1:0', '10.0.0.1:70000', 'a b:1'])(
  'what is no address is refused: %s',
  (listen) => {
    expect(decodeControl(encodeControl({ ...hello, listens: [listen] }))).toBeInstanceOf(FormatError)
  },
)

test('bytes of strangers are a message or a refusal, never an exception', () => {
  const good = encodeControl(hello)
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const bytes = good.slice()
      bytes[at] = value
      const cut = decodeControl(good.subarray(0, at))
      return (
        cut instanceof FormatError && decodeControl(bytes) !== undefined && decodeTopic(bytes) === undefined
      )
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const message = decodeControl(bytes)
      const isSame = message instanceof FormatError || Buffer.compare(encodeControl(message), bytes) === 0
      expect(isSame).toBe(true)
      expect(decodeTopic(bytes)).toBeUndefined()
    }),
  )
})

test('a topic names a folder and what the stream is for', () => {
  const topic = { type: 'chunks', folderId: 'ab'.repeat(32) } as const
  const bytes = encodeTopic(topic)
  expect(decodeTopic(bytes)).toEqual(topic)
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeTopic(bytes.subarray(0, length))).toBeUndefined()
  }
})
