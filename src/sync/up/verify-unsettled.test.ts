import { statSync, utimesSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import { fingerprintOf } from '../disk/file-system.ts'

const devices: UpDevice[] = []

afterEach(() => {
  for (const device of devices.splice(0)) device.close()
})

/** A file in two versions, the second of which is on the disk and may not be certain to stay there. */
async function unsettled(): Promise<UpDevice> {
  const device = new UpDevice().found()
  devices.push(device)
  device.put('f', 'one')
  device.put('g', 'other')
  await device.scan()
  device.save('f', 'two')
  await device.scan()
  device.items.update(device.item('f')!.id, { state: 'unsettled' })
  return device
}

/** What a loss of power leaves: other bytes, the time as it was set. */
function tear(device: UpDevice, text: string): void {
  const { mtimeMs } = statSync(device.path('f'))
  device.put('f', text)
  utimesSync(device.path('f'), mtimeMs / 1000, mtimeMs / 1000)
  const item = device.item('f')!
  const stat = device.fs.stat(device.path('f'))!
  device.items.update(item.id, { print: { ...fingerprintOf(stat), size: item.print.size } })
}

it('is believed as long as the system runs', async () => {
  const device = await unsettled()
  device.jobs.length = 0
  expect(await device.scan()).toMatchObject({ changed: 0, damaged: [] })
  expect(device.jobs).toEqual(['list 1'])
  expect(device.item('f')!.state).toBe('unsettled')
})

it('is read after the system went down, once', async () => {
  const device = await unsettled()
  device.bootId = 'boot 2'
  expect(await device.scan()).toMatchObject({ changed: 0, damaged: [] })
  expect(device.item('f')!.state).toBe('synced')
  device.jobs.length = 0
  await device.scan()
  expect(device.jobs).toEqual(['list 1'])
})

it('damage is no edit: it is said, and nothing is written', async () => {
  const device = await unsettled()
  device.bootId = 'boot 2'
  tear(device, '\0\0\0')
  const report = await device.scan()
  expect(report).toMatchObject({ changed: 0, damaged: [device.item('f')!.id] })
  expect(report.stale).toContain(device.item('f')!.nodes[0])
  expect(device.item('f')!.version).toBeUndefined()
  expect(await device.scan()).toMatchObject({ changed: 0, damaged: [] })
})

it('a name that did not reach the disk leaves the version before', async () => {
  const device = await unsettled()
  device.bootId = 'boot 2'
  const [first] = device.file('f').versions
  device.save('f', 'one')
  const report = await device.scan()
  expect(report).toMatchObject({ changed: 0, damaged: [] })
  expect(device.item('f')).toMatchObject({ version: first!.entry.hash, state: 'synced' })
  expect(report.stale).toContain(device.item('f')!.nodes[0])
})

it('a file that did not reach the disk was not deleted', async () => {
  const device = await unsettled()
  device.bootId = 'boot 2'
  const { nodes } = device.item('f')!
  device.remove('f')
  const report = await device.scan()
  expect(report).toMatchObject({ changed: 0 })
  expect(report.stale).toContain(nodes[0])
  expect(device.item('f')).toBeUndefined()
  expect(device.shown()).toHaveLength(2)
})

it('an edit since then is one', async () => {
  const device = await unsettled()
  device.bootId = 'boot 2'
  device.save('f', 'three')
  expect(await device.scan()).toMatchObject({ changed: 1, damaged: [] })
  expect(device.file('f').versions).toHaveLength(3)
})
