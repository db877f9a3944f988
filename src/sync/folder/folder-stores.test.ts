import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { noPrint } from '../../../test/sync/support/item-model.ts'
import { rowsOf, sampleChunk, sealedOf } from '../../../test/sync/support/sample-chunks.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { rootItem, type NewItem } from '../items/item.ts'
import { SqliteItems } from '../items/sqlite-items.ts'
import type { FolderOptions } from './folder-options.ts'
import { openStores, type OpenStores } from './folder-stores.ts'
import type { StoreRepairs } from './store-repairs.ts'

let directory: string
let stores: OpenStores

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-stores-'))
  stores = open()
})

afterEach(() => {
  close()
  rmSync(directory, { recursive: true, force: true })
})

function open(): OpenStores {
  const clock = { monotonic: () => 0, wall: () => 0 }
  const options = { directory, root: directory, log: silentLogger, clock, fs: nodeFileSystem }
  const repairs = {
    openItems: (path: string) => new SqliteItems(path),
    openChunks: <Chunks>(make: () => Chunks) => make(),
    note: () => undefined,
  }
  return openStores(options as FolderOptions, repairs as unknown as StoreRepairs)
}

function close(): void {
  stores.chunks.close()
  stores.items.close()
}

function file(name: string): NewItem {
  const version = '0a'.repeat(32)
  const nodes = ['01'.repeat(16)]
  const print = { ...noPrint, size: 10, ino: 5 }
  return { parent: rootItem, name, logName: name, kind: 'file', nodes, version, print, state: 'synced' }
}

const [inFile, inPack, inKept] = [sampleChunk(1), sampleChunk(2), sampleChunk(3)] as const
const kept = 'ab'.repeat(32)

/** One file, a chunk in a pack, and a version that was kept. */
function fill(): number {
  const { items, chunks } = stores
  const item = items.add(file('old')).id
  chunks.addFile(item, rowsOf([inFile]))
  chunks.setFileDamaged(item, true)
  chunks.addSealed(rowsOf([inPack]), sealedOf([inPack]))
  chunks.addKept(kept, rowsOf([inKept]), inKept.sealed.length - 16)
  chunks.setComplete()
  items.commit()
  chunks.commit()
  return item
}

test('without its list of items a folder says of no file any more that it has content', () => {
  const item = fill()
  close()
  // As when a device is let in again, or the list was damaged.
  for (const end of ['', '-wal', '-shm']) rmSync(join(directory, `items.sqlite${end}`), { force: true })
  stores = open()
  const { items, chunks } = stores
  // Something else, which gets the number of the old one.
  expect(items.add(file('new')).id).toBe(item)
  expect([chunks.has(inFile.id), chunks.find(inFile.id)]).toEqual([false, undefined])
  expect([chunks.damagedFiles(0, 9), chunks.damage.files]).toEqual([[], 0])
  expect([chunks.has(inPack.id), chunks.has(inKept.id)]).toEqual([true, true])
  expect([chunks.isKept(kept), chunks.isComplete]).toEqual([true, false])
})

test('with it, the folder knows after a restart what it knew before', () => {
  fill()
  close()
  stores = open()
  const { chunks } = stores
  expect([inFile, inPack, inKept].map(({ id }) => chunks.has(id))).toEqual([true, true, true])
  expect([chunks.isComplete, chunks.damage.files]).toEqual([true, 1])
})
