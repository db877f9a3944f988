import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { hashOf, UpDevice } from '../../../test/sync/support/up-device.ts'

const devices: UpDevice[] = []

afterEach(() => {
  for (const device of devices.splice(0)) device.close()
})

/** A user has just saved two versions of a file, and told the log of each; the system has not written them yet. */
async function justSaved(): Promise<UpDevice> {
  const device = new UpDevice().found()
  devices.push(device)
  device.put('f', 'one')
  device.put('g', 'other')
  await device.scan()
  device.put('f', 'two')
  await device.scan()
  return device
}

/** Bytes that never came to the disk: what a journalling file system leaves of a file that was just written. */
function empty(device: UpDevice, path: string): void {
  const { mtimeMs } = statSync(device.path(path))
  writeFileSync(device.path(path), '')
  utimesSync(device.path(path), mtimeMs / 1000, mtimeMs / 1000)
  const { ctimeMs } = statSync(device.path(path))
  const item = device.item(path)
  if (item !== undefined) device.items.update(item.id, { print: { ...item.print, ctimeMs } })
}

const hash = (text: string): string => hashOf(Buffer.from(text))

it('a file that a user has just saved, and the power took, was not deleted', async () => {
  const device = await justSaved()
  device.bootId = 'boot 2'
  rmSync(device.path('f'))
  const { nodes } = device.item('f')!
  const report = await device.scan()
  expect(report.changed).toBe(0)
  expect(report.stale).toContain(nodes[0])
  expect(device.shown()).toEqual([`f ${hash('two')}`, `g ${hash('other')}`])
})

it('nor was it emptied', async () => {
  const device = await justSaved()
  device.bootId = 'boot 2'
  empty(device, 'f')
  expect(await device.scan()).toMatchObject({ changed: 0, damaged: [device.item('f')!.id] })
  expect(device.shown()).toEqual([`f ${hash('two')}`, `g ${hash('other')}`])
})

it('nor if the items lost what they knew of it as well', async () => {
  for (const isKnown of [true, false]) {
    const device = await justSaved()
    const [first] = device.file('f').versions
    const { id, print } = device.item('f')!
    if (isKnown) {
      device.items.update(id, {
        version: first!.entry.hash,
        print: { ...print, mtimeMs: 1 },
        state: 'synced',
      })
    } else device.items.remove(id)
    device.bootId = 'boot 2'
    empty(device, 'f')
    const report = await device.scan()
    expect(report).toMatchObject({ changed: 0, damaged: [device.item('f')!.id] })
    expect(device.shown()).toEqual([`f ${hash('two')}`, `g ${hash('other')}`])
  }
})

it('an edit that left the time as it was is one', async () => {
  const device = await justSaved()
  device.bootId = 'boot 2'
  const { mtimeMs } = statSync(device.path('f'))
  writeFileSync(device.path('f'), 'TWO')
  utimesSync(device.path('f'), mtimeMs / 1000, mtimeMs / 1000)
  expect(await device.scan()).toMatchObject({ changed: 1, damaged: [] })
  expect(device.shown()).toEqual([`f ${hash('TWO')}`, `g ${hash('other')}`])
})

it('what was saved long ago and is missing was deleted', async () => {
  const device = new UpDevice().found()
  devices.push(device)
  device.put('f', 'one')
  device.put('g', 'one')
  device.ahead = 10 * 60_000
  await device.scan()
  device.bootId = 'boot 2'
  device.remove('f')
  expect(await device.scan()).toMatchObject({ changed: 1 })
  expect(device.shown()).toEqual([`g ${hash('one')}`])
})
