import { describe, expect, test } from 'vitest'
import { rowsText, sampleKeys as keys, seededContent } from '../../../test/sync/support/content-samples.ts'
import { concatBytes, encodeCbor } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { orReason } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import { sealChunk } from './chunk-seal.ts'
import { largestChunk } from './chunker.ts'
import type { ChunkRows } from './content.ts'
import {
  contentIds,
  joinPieces,
  joinRows,
  manifestPieceBytes,
  packManifest,
  readManifest,
} from './manifest.ts'
import type { SpilledManifest } from './manifest.ts'

const maximum = 1_048_576

function rowsOf(count: number, length = 70_000): ChunkRows {
  return {
    ids: seededContent(1, count * 32),
    keys: seededContent(2, count * 32),
    lengths: new Uint32Array(count).fill(length),
  }
}

const sizeOf = (rows: ChunkRows) => rows.lengths.reduce((sum, length) => sum + length, 0)

/** As a device does that got entry and chunks from others. */
function roundTrip(rows: ChunkRows): { type: string; pieces: number; rows: unknown } {
  const { manifest, chunkList, pieces } = packManifest(keys, rows)
  const expected = { size: sizeOf(rows), maximum }
  const read = readManifest(manifest)
  if (read.type === 'inline') {
    if (pieces !== undefined) throw new Error('pieces that nothing names')
    return { type: read.type, pieces: 0, rows: rowsText(joinRows(manifest, chunkList, expected)) }
  }
  expect(rowsText(read.pieces)).toEqual(rowsText(pieces!.rows))
  const joined = joinPieces(keys, read, (piece) => sealedPiece(pieces!, piece))
  const ids = contentIds(chunkList, read)
  if (!('bytes' in joined)) throw new Error('bad piece')
  const found = rowsText(joinRows(joined.bytes, ids, expected))
  return { type: read.type, pieces: read.pieces.lengths.length, rows: found }
}

function sealedPiece({ rows, sealed }: { rows: ChunkRows; sealed: Uint8Array }, piece: number): Uint8Array {
  let at = 0
  for (let before = 0; before < piece; before++) at += rows.lengths[before]! + 16
  return sealed.subarray(at, at + rows.lengths[piece]! + 16)
}

/** Rows of 70,000 bytes each take 32 bytes for the key and 5 for the length. */
const mostInline = Math.floor((limits.manifestBytes - 16) / 37)

describe('rows come back', () => {
  test.each([0, 1, 2, 23, 24, 300])('%i of them, within the entry', (count) => {
    const rows = rowsOf(count)
    expect(roundTrip(rows)).toEqual({ type: 'inline', pieces: 0, rows: rowsText(rows) })
  })

  test('lengths of every size', () => {
    const lengths = Uint32Array.of(1, 23, 24, 255, 256, 65_535, 65_536, maximum)
    const rows = { ...rowsOf(lengths.length), lengths }
    expect(roundTrip(rows).rows).toEqual(rowsText(rows))
  })

  test('as many as fit an entry, and one more', () => {
    const fitting = packManifest(keys, rowsOf(mostInline))
    expect(fitting.manifest.length).toBeLessThanOrEqual(limits.manifestBytes)
    expect(fitting.manifest.length).toBeGreaterThan(limits.manifestBytes - 40)
    expect(roundTrip(rowsOf(mostInline))).toMatchObject({ type: 'inline' })
    expect(roundTrip(rowsOf(mostInline + 1))).toMatchObject({ type: 'spilled', pieces: 1 })
  })

  test('more than one piece holds', () => {
    const rows = rowsOf(60_000)
    expect(roundTrip(rows)).toEqual({ type: 'spilled', pieces: 3, rows: rowsText(rows) })
  })
})

describe('refused, what an author may write', () => {
  const key = seededContent(3, 32)
  const inline = (entries: [number, CborValue][]) => encodeCbor(new Map<number, CborValue>(entries))
  const reason = (bytes: Uint8Array, size = 5, ids = key) =>
    orReason(() => {
      readManifest(bytes)
      joinRows(bytes, ids, { size, maximum })
      return 'accepted'
    })

  test('what is right is accepted', () => {
    expect(
      reason(
        inline([
          [1, 1],
          [2, key],
          [3, [5]],
        ]),
      ),
    ).toBe('accepted')
  })

  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'malformed'],
    ['no map', encodeCbor(1), 'shape'],
    [
      'another form',
      inline([
        [1, 3],
        [2, key],
        [3, [5]],
      ]),
      'version',
    ],
    [
      'a field more',
      inline([
        [1, 1],
        [2, key],
        [3, [5]],
        [4, 0],
      ]),
      'shape',
    ],
    [
      'a field missing',
      inline([
        [1, 1],
        [2, key],
      ]),
      'shape',
    ],
    [
      'fewer keys than lengths',
      inline([
        [1, 1],
        [2, key],
        [3, [5, 5]],
      ]),
      'length',
    ],
    [
      'half a key',
      inline([
        [1, 1],
        [2, key.subarray(16)],
        [3, [5]],
      ]),
      'length',
    ],
    [
      'an empty chunk',
      inline([
        [1, 1],
        [2, key],
        [3, [0]],
      ]),
      'range',
    ],
    [
      'a chunk above all limits',
      inline([
        [1, 1],
        [2, key],
        [3, [largestChunk + 1]],
      ]),
      'range',
    ],
    [
      'bytes after the end',
      concatBytes(
        inline([
          [1, 1],
          [2, key],
          [3, [5]],
        ]),
        Uint8Array.of(0),
      ),
      'malformed',
    ],
    [
      'a list that says it is longer',
      Uint8Array.of(0xa3, 1, 1, 2, 0x40, 3, 0x9a, 255, 255, 255, 255),
      'length',
    ],
    [
      'no pieces',
      inline([
        [1, 2],
        [2, []],
      ]),
      'non-canonical',
    ],
    [
      'pieces of what fits an entry',
      inline([
        [1, 2],
        [2, [[key, key, 1_000]]],
      ]),
      'non-canonical',
    ],
    [
      'a piece of nothing',
      inline([
        [1, 2],
        [2, [[key, key, 0]]],
      ]),
      'range',
    ],
    [
      'too long a piece',
      inline([
        [1, 2],
        [2, [[key, key, manifestPieceBytes + 1]]],
      ]),
      'range',
    ],
    [
      'a short piece before the last',
      inline([
        [1, 2],
        [
          2,
          [
            [key, key, 1_000],
            [key, key, manifestPieceBytes],
          ],
        ],
      ]),
      'range',
    ],
    [
      'a piece without its length',
      inline([
        [1, 2],
        [2, [[key, key]]],
      ]),
      'shape',
    ],
    [
      'too many pieces',
      inline([
        [1, 2],
        [2, Array.from({ length: 257 }, () => [key, key, manifestPieceBytes])],
      ]),
      'limit',
    ],
    ['too many bytes', new Uint8Array(limits.manifestBytes + 1), 'limit'],
  ])('%s', (_name, bytes, expected) => {
    expect(reason(bytes)).toBe(expected)
  })

  test('chunks that do not make the size', () => {
    const bytes = inline([
      [1, 1],
      [2, key],
      [3, [5]],
    ])
    expect(reason(bytes, 4)).toBe('range')
    expect(reason(bytes, 6)).toBe('range')
  })

  test('a chunk that is larger than the folder has them', () => {
    const bytes = inline([
      [1, 1],
      [2, key],
      [3, [maximum + 1]],
    ])
    expect(reason(bytes, maximum + 1)).toBe('range')
    expect(
      reason(
        inline([
          [1, 1],
          [2, key],
          [3, [maximum]],
        ]),
        maximum,
      ),
    ).toBe('accepted')
  })

  test('a chunk list of another length', () => {
    const bytes = inline([
      [1, 1],
      [2, key],
      [3, [5]],
    ])
    expect(reason(bytes, 5, new Uint8Array(0))).toBe('length')
    expect(reason(bytes, 5, new Uint8Array(64))).toBe('length')
  })

  test('a list without the pieces', () => {
    const { manifest, chunkList } = packManifest(keys, rowsOf(mostInline + 1))
    const read = readManifest(manifest) as SpilledManifest
    expect(orReason(() => contentIds(chunkList.subarray(32), read))).not.toBe('shape')
    expect(orReason(() => contentIds(chunkList.subarray(0, -32), read))).toBe('shape')
    expect(orReason(() => contentIds(new Uint8Array(0), read))).toBe('shape')
    expect(orReason(() => contentIds(read.pieces.ids, read))).toBe('shape')
  })
})

describe('pieces that come from others', () => {
  const rows = rowsOf(60_000)
  const { manifest, pieces } = packManifest(keys, rows)
  const read = readManifest(manifest) as SpilledManifest

  test('damaged ones are named, to be fetched again', () => {
    const joined = joinPieces(keys, read, (piece) => {
      const sealed = Uint8Array.from(sealedPiece(pieces!, piece))
      if (piece === 1) sealed[0]! ^= 1
      return sealed
    })
    expect(joined).toEqual({ bad: 1 })
  })

  test('another plaintext than the manifest says is refused', () => {
    const other = sealChunk(keys, seededContent(9, 1_000))
    const lie = {
      type: 'spilled',
      pieces: { ...read.pieces, ids: concatBytes(other.id, read.pieces.ids.subarray(32)) },
    } as const
    expect(orReason(() => joinPieces(keys, lie, () => other.sealed))).toBe('sealed')
    const longer = {
      type: 'spilled',
      pieces: { ids: other.id, keys: other.key, lengths: Uint32Array.of(300_000) },
    } as const
    expect(orReason(() => joinPieces(keys, longer, () => other.sealed))).toBe('sealed')
  })
})

test('what no device could read is not written', () => {
  expect(orReason(() => packManifest(keys, { ...rowsOf(2), lengths: Uint32Array.of(5, 0) }))).toBe('range')
  expect(orReason(() => packManifest(keys, { ...rowsOf(2), lengths: Uint32Array.of(5) }))).toBe('length')
})
