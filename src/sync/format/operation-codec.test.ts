import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyOperation } from '../../../test/sync/support/format-arbitraries.ts'
import { operations } from '../../../test/sync/support/format-samples.ts'
import { rootNode } from '../ids.ts'
import { orReason } from './format-error.ts'
import { limits } from './limits.ts'
import { decodeOperation, encodeOperation } from './operation-codec.ts'
import type { Operation } from './operation.ts'

const node = 'ab'.repeat(16)
const parent = rootNode
const mkdir = (name: string): Operation => ({ type: 'mkdir', node, parent, name })
const reasonOf = (operation: Operation) => orReason(() => encodeOperation(operation))

describe('operations', () => {
  test('decode to what was encoded', () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        expect(decodeOperation(encodeOperation(operation))).toEqual(operation)
      }),
      { numRuns: 400 },
    )
  })

  test.each(operations)('the sample $type decodes to itself', (operation) => {
    expect(decodeOperation(encodeOperation(operation))).toEqual(operation)
  })

  test.each([
    ['', 'text'],
    ['.', 'text'],
    ['..', 'text'],
    ['a/b', 'text'],
    ['a\0', 'text'],
    ['\ud800', 'text'],
    ['x'.repeat(256), 'limit'],
    ['é'.repeat(128), 'limit'],
    ['語'.repeat(86), 'limit'],
    ['🎉'.repeat(64), 'limit'],
  ])('the name "%s" is refused', (name, reason) => expect(reasonOf(mkdir(name))).toBe(reason))

  test.each([
    '...',
    '.a',
    '\u00e9',
    '\\',
    ' ',
    'x'.repeat(255),
    'é'.repeat(127),
    '語'.repeat(85),
    '🎉'.repeat(63),
    '\ufeff',
    '\uffff',
    '\ue000'.repeat(85),
  ])('the name "%s" is kept as it is', (name) => {
    expect(decodeOperation(encodeOperation(mkdir(name)))).toEqual(mkdir(name))
  })

  test('the root is a parent and never the node', () => {
    expect(reasonOf({ type: 'trash', node: rootNode })).toBe('range')
    expect(reasonOf({ type: 'move', node: rootNode, parent: node, name: 'x' })).toBe('range')
  })

  const hashes = (count: number) =>
    Array.from({ length: count }, (_, index) => index.toString(16).padStart(64, '0'))
  const put = operations[1] as Operation & { type: 'put' }
  const withContent = (change: object): Operation => ({ ...put, content: { ...put.content, ...change } })

  test.each<[string, Operation, Operation, string]>([
    ['bases', { ...put, bases: hashes(limits.bases) }, { ...put, bases: hashes(limits.bases + 1) }, 'limit'],
    [
      'trashes',
      { type: 'restore', node, trashes: hashes(limits.trashes) },
      { type: 'restore', node, trashes: hashes(limits.trashes + 1) },
      'limit',
    ],
    [
      'manifest',
      withContent({ manifest: new Uint8Array(limits.manifestBytes) }),
      withContent({ manifest: new Uint8Array(limits.manifestBytes + 1) }),
      'limit',
    ],
    [
      'size',
      withContent({ size: Number.MAX_SAFE_INTEGER }),
      withContent({ size: Number.MAX_SAFE_INTEGER + 1 }),
      'range',
    ],
    [
      'nanos',
      withContent({ mtime: { seconds: 0, nanos: 999_999_999 } }),
      withContent({ mtime: { seconds: 0, nanos: 1_000_000_000 } }),
      'range',
    ],
    [
      'seconds',
      withContent({ mtime: { seconds: Number.MIN_SAFE_INTEGER, nanos: 0 } }),
      withContent({ mtime: { seconds: Number.MIN_SAFE_INTEGER - 1, nanos: 0 } }),
      'range',
    ],
    [
      'target',
      { type: 'symlink', node, parent, name: 'l', target: 'x'.repeat(limits.targetBytes), bases: [] },
      { type: 'symlink', node, parent, name: 'l', target: 'x'.repeat(limits.targetBytes + 1), bases: [] },
      'limit',
    ],
  ])('%s: at the limit, and one above', (_name, at, above, reason) => {
    expect(decodeOperation(encodeOperation(at))).toEqual(at)
    expect(reasonOf(above)).toBe(reason)
  })

  test('nothing set, nothing restored and unsorted lists are refused', () => {
    expect(reasonOf({ type: 'attr', node })).toBe('shape')
    expect(reasonOf({ type: 'restore', node, trashes: [] })).toBe('shape')
    expect(reasonOf({ ...put, bases: hashes(2).toReversed() })).toBe('order')
    expect(reasonOf({ ...put, bases: [hashes(1)[0]!, hashes(1)[0]!] })).toBe('order')
    expect(reasonOf({ type: 'symlink', node, parent, name: 'l', target: '', bases: [] })).toBe('text')
    expect(reasonOf({ type: 'symlink', node, parent, name: 'l', target: 'a\0', bases: [] })).toBe('text')
  })

  test('minus zero is zero', () => {
    const operation: Operation = { type: 'attr', node, mtime: { seconds: -0, nanos: -0 } }
    expect(decodeOperation(encodeOperation(operation))).toEqual({
      ...operation,
      mtime: { seconds: 0, nanos: 0 },
    })
  })
})

describe('decodeOperation refuses', () => {
  const id = new Uint8Array(16).fill(1)
  const reason = (map: [number, unknown][]) =>
    orReason(() => decodeOperation(new Uint8Array(encode(new Map(map), rfc8949EncodeOptions))))

  test.each<[string, [number, unknown][], string]>([
    ['an empty map', [], 'shape'],
    ['type 0', [[0, 0]], 'range'],
    ['an unknown type', [[0, 9]], 'range'],
    ['a trash without node', [[0, 6]], 'shape'],
    [
      'a trash with a name',
      [
        [0, 6],
        [1, id],
        [3, 'x'],
      ],
      'shape',
    ],
    [
      'a merge with a node',
      [
        [0, 8],
        [1, id],
      ],
      'shape',
    ],
    [
      'a node of 15 bytes',
      [
        [0, 6],
        [1, id.subarray(1)],
      ],
      'length',
    ],
    [
      'a node of text',
      [
        [0, 6],
        [1, 'x'.repeat(16)],
      ],
      'shape',
    ],
    [
      'a name of bytes',
      [
        [0, 1],
        [1, id],
        [2, id],
        [3, id],
      ],
      'shape',
    ],
    [
      'exec as a number',
      [
        [0, 5],
        [1, id],
        [3, 1],
      ],
      'shape',
    ],
    [
      'a time of three',
      [
        [0, 5],
        [1, id],
        [2, [1, 2, 3]],
      ],
      'limit',
    ],
    [
      'a time of one',
      [
        [0, 5],
        [1, id],
        [2, [1]],
      ],
      'shape',
    ],
    [
      'a time in fractions',
      [
        [0, 5],
        [1, id],
        [2, [1.5, 0]],
      ],
      'malformed',
    ],
    [
      'trashes that are no list',
      [
        [0, 7],
        [1, id],
        [2, id],
      ],
      'shape',
    ],
  ])('%s', (_name, map, expected) => expect(reason(map)).toBe(expected))

  test('other bytes of the same operation', () => {
    const bytes = encodeOperation({ type: 'merge' })
    expect([...bytes]).toEqual([0xa1, 0x00, 0x08])
    expect(orReason(() => decodeOperation(Uint8Array.of(0xa1, 0x18, 0x00, 0x08)))).toBe('malformed')
    expect(orReason(() => decodeOperation(Uint8Array.of(0xa1, 0x00, 0x18, 0x08)))).toBe('malformed')
    // Keys out of order decode to the same values.
    const trash = Uint8Array.of(0xa2, 0x01, 0x50, ...id, 0x00, 0x06)
    expect(orReason(() => decodeOperation(trash))).toBe('non-canonical')
  })
})
