import { describe, expect, test } from 'vitest'
import { bomb } from '../../../test/sync/support/item-bomb.ts'
import { orReason } from '../format/format-error.ts'
import {
  decodeEnvelope,
  decodePage,
  encodeEnvelope,
  encodePage,
  type SnapshotPage,
} from './snapshot-codec.ts'
import { snapshotLimits, type SnapshotFileRow, type SnapshotVersion } from './snapshot.ts'

const hash = 'ab'.repeat(32)
const node = 'cd'.repeat(16)
const version: SnapshotVersion = { hash, deviceId: hash, hlc: { ms: 1, counter: 0 } }
const symlink: SnapshotFileRow = {
  kind: 'symlink',
  parent: 0,
  name: 'l',
  nodes: [node],
  mtime: { seconds: 1, nanos: 1 },
  exec: false,
  current: {
    ...version,
    operation: {
      type: 'symlink',
      node,
      parent: '0'.repeat(32),
      name: 'l',
      target: 't',
      bases: [],
    },
  },
  concurrent: [],
}
const nodes = Array.from({ length: snapshotLimits.nodes }, (_, index) => index.toString(16).padStart(32, '0'))
const rowsOf = (count: number): SnapshotPage => ({
  kind: 'rows',
  items: Array<SnapshotFileRow>(count).fill(symlink),
})
const reasonOf = (page: SnapshotPage) => orReason(() => decodePage(encodePage(page)).kind)

describe('a snapshot of nothing but empty items', () => {
  test('is refused before one of them is built', () => {
    expect(orReason(() => decodePage(bomb))).toBe('limit')
    expect(orReason(() => decodeEnvelope(bomb))).toBe('limit')
  })
})

describe('the most that a page and an envelope can hold', () => {
  test('rows of a page, and one more', () => {
    expect(reasonOf(rowsOf(snapshotLimits.pageItems))).toBe('rows')
    expect(reasonOf(rowsOf(snapshotLimits.pageItems + 1))).toBe('limit')
  })

  test('a page full of the smallest further items', () => {
    const many = {
      ...symlink,
      nodes,
      concurrent: Array<SnapshotVersion>(snapshotLimits.concurrent).fill(version),
    }
    expect(reasonOf({ kind: 'rows', items: [many, many, { ...many, concurrent: [] }] })).toBe('rows')
  })

  test('hashes of all pages', () => {
    const envelope = {
      folderId: hash,
      publicKey: new Uint8Array(32),
      epoch: node,
      salt: new Uint8Array(32),
      pages: Array<string>(snapshotLimits.pages).fill(hash),
      signature: new Uint8Array(64),
    }
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope)
  })
})
