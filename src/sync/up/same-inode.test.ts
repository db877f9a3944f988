import { afterEach, expect, test } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { fingerprintOf } from '../disk/file-system.ts'
import { movedItem } from './same-inode.ts'

const devices: UpDevice[] = []

afterEach(() => {
  for (const device of devices.splice(0)) device.close()
})

/** A folder with d, of which the last stat was this; and what takes d for moved when it is found as `e`. */
async function scene(before: { birthtimeMs: number; ctimeMs: number; mtimeMs: number }) {
  const device = new UpDevice().found()
  devices.push(device)
  device.put('d/f', 'f')
  await device.scan()
  const item = device.item('d')!
  const real = device.fs.stat(`${device.root}/d`)!
  device.items.update(item.id, { print: { ...fingerprintOf(real), ...before } })
  const fs: FileSystem = { ...device.fs, stat: () => undefined }
  return (after: typeof before) => {
    const entry = { name: 'e', stat: { ...real, ...after } }
    const parts = { items: device.items, root: device.root, fs } as unknown as Parameters<typeof movedItem>[0]
    return movedItem(parts, { parent: 1, entry, hasName: () => true }, () => false) !== undefined
  }
}

test('a directory that was made just now is not one that was removed just now, whose number it got', async () => {
  const isMoved = await scene({ birthtimeMs: 5_000, ctimeMs: 5_000, mtimeMs: 5_000 })
  expect(isMoved({ birthtimeMs: 9_000, ctimeMs: 9_000, mtimeMs: 9_000 })).toBe(false)
})

test('a directory is known again by its birth, and without one if nothing in it has changed', async () => {
  const isMoved = await scene({ birthtimeMs: 5_000, ctimeMs: 6_000, mtimeMs: 6_000 })
  expect(isMoved({ birthtimeMs: 5_000, ctimeMs: 9_000, mtimeMs: 8_000 })).toBe(true)
  expect(isMoved({ birthtimeMs: 9_000, ctimeMs: 9_500, mtimeMs: 9_000 })).toBe(false)
  const isMovedUnborn = await scene({ birthtimeMs: 6_000, ctimeMs: 6_000, mtimeMs: 6_000 })
  expect(isMovedUnborn({ birthtimeMs: 9_000, ctimeMs: 9_000, mtimeMs: 6_000 })).toBe(true)
})
