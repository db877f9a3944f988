import { chmodSync, linkSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { hashOf, UpDevice } from '../../../test/sync/support/up-device.ts'
import { fingerprintOf } from '../disk/file-system.ts'

const devices: UpDevice[] = []
const hash = (text: string): string => hashOf(Buffer.from(text))

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

describe('what its user did to a file that the power then emptied is no edit of its content', () => {
  const future = Date.now() / 1000 + 120
  it.each<[what: string, act: (path: string) => void]>([
    ['its time', (path) => utimesSync(path, future, future)],
    ['its execute bit', (path) => chmodSync(path, 0o744)],
    [
      'its name, and back',
      (path) => {
        renameSync(path, `${path}.other`)
        renameSync(`${path}.other`, path)
      },
    ],
  ])('%s', async (_, act) => {
    for (const left of ['', '\0\0\0']) {
      const device = await unsettled()
      device.bootId = 'boot 2'
      tear(device, left)
      act(device.path('f'))
      const report = await device.scan()
      expect(report.damaged).toEqual([device.item('f')!.id])
      expect(device.shown()).toEqual([`f ${hash('two')}`, `g ${hash('other')}`])
      expect(report.stale).toContain(device.item('f')!.nodes[0])
    }
  })

  it('but bytes are an edit, whatever else was done to it', async () => {
    const device = await unsettled()
    device.bootId = 'boot 2'
    tear(device, 'TWO')
    chmodSync(device.path('f'), 0o744)
    expect(await device.scan()).toMatchObject({ damaged: [] })
    expect(device.shown()).toEqual([`f ${hash('TWO')} x`, `g ${hash('other')}`])
  })

  it('and who empties a file later than a minute after it was put there means it', async () => {
    const device = await unsettled()
    device.bootId = 'boot 2'
    device.put('f', '')
    const { id, print } = device.item('f')!
    device.items.update(id, { print: { ...print, ctimeMs: print.ctimeMs - 61_000 } })
    expect(await device.scan()).toMatchObject({ changed: 1, damaged: [] })
    expect(device.shown()).toEqual([`f ${hash('')}`, `g ${hash('other')}`])
  })

  it('and who empties a file while the system runs, or it may run on, means it', async () => {
    for (const bootId of ['boot 1', undefined]) {
      const device = await unsettled()
      device.bootId = bootId
      device.restart()
      device.put('f', '')
      expect(await device.scan()).toMatchObject({ changed: 1, damaged: [] })
      expect(device.shown()).toEqual([`f ${hash('')}`, `g ${hash('other')}`])
    }
  })
})

describe('damage that waits for its content is never written to the log', () => {
  /** Found to be torn after a loss of power. */
  async function damaged(left = '\0\0\0'): Promise<UpDevice> {
    const device = await unsettled()
    device.bootId = 'boot 2'
    tear(device, left)
    await device.scan()
    return device
  }

  it.each([
    ['zeros', '\0\0\0'],
    ['what it held before', 'one'],
  ])('not by the next start, though files of its age are read once more: %s', async (_, left) => {
    const device = await damaged(left)
    device.items.setFact('racy-since', '0')
    device.restart()
    device.jobs.length = 0
    expect(await device.scan()).toMatchObject({ changed: 0, damaged: [] })
    expect(device.jobs).toContain('hash 2')
    expect(device.shown()).toEqual([`f ${hash('two')}`, `g ${hash('other')}`])
    expect(device.item('f')!.version).toBeUndefined()
  })

  it('not if this device began to put its content in its place, and ended', async () => {
    const device = await damaged()
    const [path, other] = [device.path('f'), device.path('.harp/tmp/other')]
    linkSync(path, other)
    rmSync(other)
    for (const _ of [1, 2]) expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.shown()).toEqual([`f ${hash('two')}`, `g ${hash('other')}`])
    expect(device.item('f')!.print).toEqual(fingerprintOf(device.fs.stat(path)!))
  })

  it.each<[what: string, act: (device: UpDevice) => string]>([
    ['moves it', (device) => (device.move('f', 'h'), `h ${hash('two')}`)],
    ['makes it executable', (device) => (chmodSync(device.path('f'), 0o744), `f ${hash('two')} x`)],
  ])('not if its user %s: it is known as it is then, so that its content can come', async (_, act) => {
    const device = await damaged()
    const line = act(device)
    const [name = ''] = line.split(' ')
    await device.scan()
    const { version, print } = device.item(name)!
    expect(version).toBeUndefined()
    expect(print).toEqual(fingerprintOf(device.fs.stat(device.path(name))!))
    expect(device.shown()).toEqual([line, `g ${hash('other')}`].sort())
  })

  it('but what its user writes is an edit, beside the version that was to come', async () => {
    const device = await damaged()
    device.put('f', 'six')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([`f ${hash('six')} +1`, `g ${hash('other')}`])
  })

  it('and its content, if its user brings it back, is its version again', async () => {
    const device = await damaged()
    const { mtimeMs } = device.item('f')!.print
    device.put('f', 'two')
    utimesSync(device.path('f'), mtimeMs / 1000, mtimeMs / 1000)
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('f')!.version).toBe(device.file('f').current.entry.hash)
  })
})
