import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCbor, type CborValue } from '../format/cbor.ts'
import { FormatError } from '../format/format-error.ts'
import type { ChunkMessage } from './chunk-message.ts'
import { decodeChunkMessage, encodeChunkMessage } from './chunk-message-codec.ts'
import { transferLimits as limits } from './transfer-limits.ts'

const hash = 'ab'.repeat(32)
const samples: [ChunkMessage, number][] = [
  [{ type: 'want', request: 0, ids: new Uint8Array(32).fill(7) }, 0],
  [{ type: 'want', request: 300, ids: new Uint8Array(32 * 256).fill(7) }, 0],
  [{ type: 'chunks', request: 70_000, first: 0, lengths: [4_112, 0, 17] }, 4_129],
  [{ type: 'chunks', request: 1, first: 255, lengths: [0] }, 0],
  [{ type: 'chunks', request: 1, first: 3, lengths: [] }, 0],
  [{ type: 'want-list', request: 2, hash, offset: 1024, length: 32 }, 0],
  [{ type: 'list', request: 2, offset: 32, total: 96 }, 64],
  [{ type: 'list', request: 2, offset: 0, total: 0 }, 0],
  [{ type: 'cancel', request: Number.MAX_SAFE_INTEGER }, 0],
]

function reasonOf(bytes: Uint8Array, payload = 0): string | undefined {
  try {
    decodeChunkMessage(bytes, payload)
    return undefined
  } catch (error) {
    if (error instanceof FormatError) return error.reason
    throw error
  }
}

function cbor(...fields: CborValue[]): Uint8Array {
  return encodeCbor(new Map(fields.map((value, key) => [key, value])))
}

describe('messages of the chunk protocol', () => {
  test.each(samples)('$0.type reads back alike', (message, payload) => {
    expect(decodeChunkMessage(encodeChunkMessage(message), payload)).toEqual(message)
  })

  test('are deterministic CBOR', () => {
    const ids = new Uint8Array(64).fill(1)
    expect(encodeChunkMessage({ type: 'want', request: 5, ids })).toEqual(cbor(1, 5, ids))
    const chunks: ChunkMessage = { type: 'chunks', request: 300, first: 2, lengths: [0, 70_000] }
    expect(encodeChunkMessage(chunks)).toEqual(cbor(2, 300, 2, [0, 70_000]))
    const wanted: ChunkMessage = { type: 'want-list', request: 1, hash, offset: 0, length: 64 }
    expect(encodeChunkMessage(wanted)).toEqual(cbor(3, 1, new Uint8Array(32).fill(0xab), 0, 64))
    expect(encodeChunkMessage({ type: 'list', request: 1, offset: 0, total: 64 })).toEqual(cbor(4, 1, 0, 64))
    expect(encodeChunkMessage({ type: 'cancel', request: 24 })).toEqual(cbor(5, 24))
  })

  test('every changed bit, cut and added byte is refused or is another message', () => {
    for (const [message, payload] of samples) {
      const bytes = encodeChunkMessage(message)
      if (bytes.length > 200) continue
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = new Uint8Array(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        const isRefused = reasonOf(changed, payload) !== undefined
        expect(isRefused ? undefined : decodeChunkMessage(changed, payload)).not.toEqual(message)
      }
      for (let length = 0; length < bytes.length; length++) {
        expect(reasonOf(bytes.subarray(0, length), payload)).toBeDefined()
      }
      expect(reasonOf(new Uint8Array([...bytes, 0]), payload)).toBe('malformed')
    }
  })

  test('any bytes: a FormatError or a message that encodes to the same bytes', () => {
    const start = fc.constantFrom([0xa2], [0xa3, 0, 1, 1], [0xa4, 0, 2, 1, 1, 2], [0xa5, 0, 3], [0xa4, 0, 4])
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 80 }), fc.nat(100), (first, rest, payload) => {
        const bytes = new Uint8Array([...first, ...rest])
        const isRefused = reasonOf(bytes, payload) !== undefined
        expect(isRefused ? bytes : encodeChunkMessage(decodeChunkMessage(bytes, payload))).toEqual(bytes)
      }),
      { numRuns: 1_000 },
    )
  })

  test('missing and additional fields are refused', () => {
    expect(reasonOf(cbor(1, 5))).toBe('shape')
    expect(reasonOf(cbor(1, 5, new Uint8Array(32), 7))).toBe('shape')
    expect(reasonOf(cbor(5, 5, 1))).toBe('shape')
    expect(reasonOf(cbor(0, 5))).toBe('range')
    expect(reasonOf(cbor(6, 5))).toBe('range')
    expect(reasonOf(cbor('want', 5))).toBe('shape')
  })
})

describe('limits of the chunk protocol', () => {
  const atLimit: [string, (extra: number) => [Uint8Array, number]][] = [
    ['ids', (extra) => [cbor(1, 0, new Uint8Array(32 * (limits.wantIds + extra))), 0]],
    [
      'places',
      (extra) => [
        cbor(
          2,
          0,
          250,
          Array.from({ length: 6 + extra }, () => 0),
        ),
        0,
      ],
    ],
    [
      'bytes of a chunk',
      (extra) => [cbor(2, 0, 0, [limits.payloadBytes + extra]), limits.payloadBytes + extra],
    ],
    [
      'bytes of several chunks',
      (extra) => [cbor(2, 0, 0, [limits.payloadBytes - 5, 5 + extra]), limits.payloadBytes + extra],
    ],
    ['a part of a list', (extra) => [cbor(3, 0, new Uint8Array(32), 0, limits.rangeBytes + extra), 0]],
    [
      'the end of a list',
      (extra) => [
        cbor(3, 0, new Uint8Array(32), limits.listBytes - limits.rangeBytes + extra, limits.rangeBytes),
        0,
      ],
    ],
    ['bytes of a list', (extra) => [cbor(4, 0, 0, limits.listBytes + extra), 32]],
  ]

  test.each(atLimit)('%s: at the limit and one above', (_name, make) => {
    const [head, payload] = make(0)
    expect(reasonOf(head, payload)).toBeUndefined()
    const [above, more] = make(1)
    expect(reasonOf(above, more)).toBe('limit')
  })

  test('nothing that may not be received can be sent', () => {
    const ids = new Uint8Array(32 * (limits.wantIds + 1))
    expect(() => encodeChunkMessage({ type: 'want', request: 0, ids })).toThrow(FormatError)
    expect(() => encodeChunkMessage({ type: 'want', request: -1, ids: new Uint8Array(32) })).toThrow(
      FormatError,
    )
    const tooLong = [limits.payloadBytes + 1]
    expect(() => encodeChunkMessage({ type: 'chunks', request: 0, first: 0, lengths: tooLong })).toThrow(
      FormatError,
    )
    const length = limits.rangeBytes + 1
    expect(() => encodeChunkMessage({ type: 'want-list', request: 0, hash, offset: 0, length })).toThrow(
      FormatError,
    )
  })

  test('payloads are as long as their heads say', () => {
    expect(reasonOf(cbor(1, 0, new Uint8Array(32)), 1)).toBe('length')
    expect(reasonOf(cbor(2, 0, 0, [10, 20]), 29)).toBe('length')
    expect(reasonOf(cbor(2, 0, 0, [10, 20]), 31)).toBe('length')
    expect(reasonOf(cbor(3, 0, new Uint8Array(32), 0, 1), 1)).toBe('length')
    expect(reasonOf(cbor(4, 0, 32, 64), 33)).toBe('length')
    expect(reasonOf(cbor(4, 0, 65, 64), 1)).toBe('length')
    expect(reasonOf(cbor(4, 0, 0, limits.listBytes), limits.rangeBytes + 1)).toBe('length')
    expect(reasonOf(cbor(5, 0), 1)).toBe('length')
  })

  test('ids are whole and there is one', () => {
    expect(reasonOf(cbor(1, 0, new Uint8Array(0)))).toBe('length')
    expect(reasonOf(cbor(1, 0, new Uint8Array(33)))).toBe('length')
    expect(reasonOf(cbor(3, 0, new Uint8Array(31), 0, 1))).toBe('length')
    expect(reasonOf(cbor(3, 0, new Uint8Array(32), 0, 0))).toBe('range')
  })
})
