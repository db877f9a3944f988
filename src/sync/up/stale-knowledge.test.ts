import { statSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { hashOf, UpDevice } from '../../../test/sync/support/up-device.ts'
import * as intents from '../tree/intents.ts'

const devices: UpDevice[] = []

function folder(): UpDevice {
  const device = new UpDevice().found()
  devices.push(device)
  return device
}

function member(of: UpDevice): UpDevice {
  const device = new UpDevice().join(of)
  devices.push(device)
  return device
}

afterEach(() => {
  for (const device of devices.splice(0)) device.close()
})

const hash = (text: string): string => hashOf(Buffer.from(text))

/** Another one edits what the log shows. */
async function editedBy(other: UpDevice, path: string, text: string): Promise<void> {
  const shown = other.file(path)
  other.put(path, text)
  const { operation } = shown.current
  if (operation.type !== 'put') throw new Error('no file')
  await other.scan()
}

describe('items that lag behind, after a crash', () => {
  it('content that the log has already, and others have edited since, is no edit of what was before', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    const before = device.item('f')!
    device.save('f', 'two')
    await device.scan()
    const { version } = device.item('f')!
    const other = member(device)
    other.put('f', 'two')
    await other.scan()
    await editedBy(other, 'f', 'three')
    device.hear(other)
    // The commit of the items was lost, the one of the log was not.
    device.items.update(before.id, { version: before.version, print: before.print })
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.shown()).toEqual([`f ${hash('three')}`])
    expect(device.item('f')).toMatchObject({ version })
  })

  it('an old content that the user brings back is an edit', async () => {
    const device = folder()
    for (const text of ['one', 'two', 'three']) {
      device.save('f', text)
      await device.scan()
    }
    device.save('f', 'one')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([`f ${hash('one')}`])
  })

  it('where others moved it on from is not where it is moved to once more', async () => {
    const device = folder()
    device.put('a', 'one')
    device.mkdir('d')
    await device.scan()
    const before = device.item('a')!
    device.move('a', 'b')
    await device.scan()
    const other = member(device)
    other.do(intents.move(other.replica.view, ['b'], ['c']))
    device.hear(other)
    device.items.update(before.id, { name: 'a', logName: 'a' })
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.shown()).toEqual([`c ${hash('one')}`, 'd/'])
  })

  it('back to where it was before is a move', async () => {
    const device = folder()
    device.put('a', 'one')
    await device.scan()
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      device.move(from, to)
      expect(await device.scan()).toMatchObject({ changed: 1 })
    }
    expect(device.shown()).toEqual([`a ${hash('one')}`])
  })
})

describe('an edit that leaves size and time as they were', () => {
  it('is one', async () => {
    const device = folder()
    device.put('f', 'one')
    utimesSync(device.path('f'), 1_000_000, 1_000_000)
    await device.scan()
    const { ino } = statSync(device.path('f'))
    writeFileSync(device.path('f'), 'two')
    utimesSync(device.path('f'), 1_000_000, 1_000_000)
    expect(statSync(device.path('f')).ino).toBe(ino)
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([`f ${hash('two')}`])
  })
})

describe('what is not current', () => {
  it('and is other than its item only by its stat is planned again', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    const other = member(device)
    other.put('f', 'one')
    await other.scan()
    await editedBy(other, 'f', 'two')
    device.hear(other)
    const { mtime, atime } = statSync(device.path('f'))
    utimesSync(device.path('f'), atime, mtime)
    const report = await device.scan()
    expect(report.changed).toBe(0)
    expect(report.stale).toContain(device.item('f')!.nodes[0])
  })

  it('what others moved out of a directory that is deleted here is planned again', async () => {
    const device = folder()
    device.put('d/f', 'one')
    device.put('d/g', 'two')
    await device.scan()
    const { nodes } = device.item('d/f')!
    const other = member(device)
    other.do(intents.move(other.replica.view, ['d', 'f'], ['f']))
    device.hear(other)
    device.remove('d')
    const report = await device.scan()
    expect(device.shown()).toEqual([`f ${hash('one')}`])
    expect(report.stale).toContain(nodes[0])
  })
})
