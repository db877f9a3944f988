import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bomb } from '../../../test/sync/support/item-bomb.ts'
import { decodeCbor, encodeCbor, type CborValue } from '../format/cbor.ts'
import { FormatError } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import type { ChainHead } from '../format/statement.ts'
import { exchangeLimits } from './exchange-limits.ts'
import { faultReasons, type Message } from './message.ts'
import { decodeMessage, encodeMessage, envelopeBytes } from './message-codec.ts'

const id = 'ab'.repeat(32)
const statements = { count: 3, lastHash: id, split: true }
const head: ChainHead = { deviceId: id, incarnation: 'cd'.repeat(16), seq: 7, hash: 'ef'.repeat(32) }

const samples: Message[] = [
  { type: 'hello', folderId: id, frontierHash: id, size: 5, statements },
  { type: 'frontier', heads: [head, head], last: true },
  { type: 'frontier', heads: [], last: false },
  { type: 'want', items: [{ head: id, locator: [id, head.hash] }], last: false },
  { type: 'want', items: [], last: true },
  { type: 'batch', head: id, bytes: new Uint8Array([1, 2, 3]) },
  { type: 'statement', bytes: new Uint8Array([4, 5]) },
  { type: 'done' },
  { type: 'ask', statements: { count: 0, lastHash: id, split: false }, frontier: true },
  ...faultReasons.map((reason): Message => ({ type: 'fault', reason })),
]

function reasonOf(bytes: Uint8Array): string | undefined {
  try {
    decodeMessage(bytes)
    return undefined
  } catch (error) {
    if (error instanceof FormatError) return error.reason
    throw error
  }
}

function cbor(...fields: [number, CborValue][]): Uint8Array {
  return encodeCbor(new Map(fields))
}

describe('messages', () => {
  test.each(samples)('$type reads back alike', (message) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message)
  })

  test('every changed bit, cut and added byte is refused or is another message', () => {
    for (const message of samples) {
      const bytes = encodeMessage(message)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = new Uint8Array(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(reasonOf(changed) === undefined ? decodeMessage(changed) : undefined).not.toEqual(message)
      }
      for (let length = 0; length < bytes.length; length++) {
        expect(reasonOf(bytes.subarray(0, length))).toBeDefined()
      }
      expect(reasonOf(new Uint8Array([...bytes, 0]))).toBeDefined()
    }
  })

  test('any bytes: a FormatError or a message that encodes to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const again = reasonOf(bytes) === undefined ? encodeMessage(decodeMessage(bytes)) : bytes
        expect(again).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
  })

  test('fields that are missing, unknown or of another type are refused', () => {
    for (const message of samples) {
      const fields = decodeCbor(encodeMessage(message)) as Map<number, CborValue>
      expect(reasonOf(encodeCbor(new Map([...fields, [9, 1]])))).toBe('shape')
      for (const key of fields.keys()) {
        expect(reasonOf(encodeCbor(new Map([...fields].filter(([other]) => other !== key))))).toBe('shape')
        expect(reasonOf(encodeCbor(new Map(fields).set(key, 'text')))).toBe('shape')
      }
    }
    expect(reasonOf(cbor([0, 0]))).toBe('range')
    expect(reasonOf(cbor([0, 9]))).toBe('range')
    expect(reasonOf(cbor([0, 8], [1, faultReasons.length]))).toBe('range')
  })

  test('a hello of another version says so, whatever else it holds', () => {
    expect(reasonOf(cbor([0, 1], [1, 2]))).toBe('version')
    expect(reasonOf(cbor([0, 1], [1, 2], [2, 'new'], [77, true]))).toBe('version')
  })
})

describe('limits of messages', () => {
  const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item)
  const cases: [string, (count: number) => Message, number][] = [
    [
      'heads of a page',
      (count) => ({ type: 'frontier', heads: many(count, head), last: true }),
      exchangeLimits.pageHeads,
    ],
    [
      'wants',
      (count) => ({ type: 'want', items: many(count, { head: id, locator: [] }), last: true }),
      exchangeLimits.wants,
    ],
    [
      'locator',
      (count) => ({ type: 'want', items: [{ head: id, locator: many(count, id) }], last: true }),
      exchangeLimits.locator,
    ],
    [
      'bytes of a batch',
      (count) => ({ type: 'batch', head: id, bytes: new Uint8Array(count) }),
      limits.batchBytes,
    ],
    [
      'bytes of a statement',
      (count) => ({ type: 'statement', bytes: new Uint8Array(count) }),
      exchangeLimits.messageBytes - envelopeBytes,
    ],
  ]

  test.each(cases)('%s: at the limit and one above', (_name, make, limit) => {
    expect(reasonOf(encodeMessage(make(limit)))).toBeUndefined()
    expect(() => encodeMessage(make(limit + 1))).toThrow(FormatError)
  })

  test('a message of nothing but empty items is refused before one of them is built', () => {
    expect(reasonOf(bomb)).toBe('limit')
    const full = many(exchangeLimits.wants, { head: id, locator: many(exchangeLimits.locator, id) })
    expect(reasonOf(encodeMessage({ type: 'want', items: full, last: true }))).toBeUndefined()
  })

  test('what encoders refuse is refused in bytes too', () => {
    const wire: CborValue = [new Uint8Array(32), new Uint8Array(16), 1, new Uint8Array(32)]
    const wanted: CborValue = [new Uint8Array(32), []]
    const hash = new Uint8Array(32)
    expect(reasonOf(cbor([0, 2], [1, many(exchangeLimits.pageHeads + 1, wire)], [2, true]))).toBe('limit')
    expect(reasonOf(cbor([0, 3], [1, many(exchangeLimits.wants + 1, wanted)], [2, true]))).toBe('limit')
    const long: CborValue = [hash, many(exchangeLimits.locator + 1, hash)]
    expect(reasonOf(cbor([0, 3], [1, [long]], [2, true]))).toBe('limit')
    expect(reasonOf(cbor([0, 4], [1, hash], [2, new Uint8Array(limits.batchBytes + 1)]))).toBe('limit')
    const statement = new Uint8Array(exchangeLimits.messageBytes - envelopeBytes + 1)
    expect(reasonOf(cbor([0, 5], [1, statement]))).toBe('limit')
    expect(reasonOf(new Uint8Array(exchangeLimits.messageBytes + 1))).toBe('limit')
    expect(reasonOf(new Uint8Array(exchangeLimits.messageBytes))).not.toBe('limit')
  })
})
