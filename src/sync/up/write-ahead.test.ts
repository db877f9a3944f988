import { rmSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { hashOf, UpDevice } from '../../../test/sync/support/up-device.ts'
import * as intents from '../tree/intents.ts'

const devices: UpDevice[] = []

async function folder(): Promise<UpDevice> {
  const device = new UpDevice().found()
  devices.push(device)
  device.put('other', 'other')
  await device.scan()
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
const other = `other ${hash('other')}`
const large = new Uint8Array(3_000_000).map((_, index) => (index * index) >> 7)

describe('what the log was told, and the items did not hear of any more', () => {
  it('was deleted, if it is gone: a new file', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.die()
    device.remove('f')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([other])
    expect(device.item('f')).toBeUndefined()
  })

  it('a new version of a file', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.scan()
    device.save('f', 'two')
    await device.die()
    device.remove('f')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([other])
  })

  it('a directory, a symlink', async () => {
    const device = await folder()
    device.mkdir('d')
    await device.die()
    device.remove('d')
    device.symlink('target', 's')
    await device.die(2)
    device.remove('s')
    await device.scan()
    expect(device.shown()).toEqual([other])
  })

  it('one of many', async () => {
    const device = await folder()
    for (const name of ['a', 'b', 'c', 'd']) device.put(name, name)
    await device.die()
    device.remove('b')
    await device.scan()
    expect(device.shown()).toEqual(['a', 'c', 'd'].map((name) => `${name} ${hash(name)}`).concat(other))
    expect(device.onDisk()).toEqual(device.shown())
  })

  it('a file in a directory that was moved meanwhile', async () => {
    const device = await folder()
    device.mkdir('d')
    await device.scan()
    device.put('d/f', 'one')
    await device.die()
    device.remove('d/f')
    device.move('d', 'e')
    await device.scan()
    expect(device.shown()).toEqual(['e/', other])
  })

  it('was edited, if something else is there: no version beside its own', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.scan()
    device.save('f', 'two')
    await device.die()
    device.save('f', 'three')
    device.put('new', 'one')
    await device.die()
    device.save('new', 'two')
    await device.scan()
    expect(device.shown()).toEqual([`f ${hash('three')}`, `new ${hash('two')}`, other])
  })

  it('was moved, if it is elsewhere, and others can have its content', async () => {
    const device = await folder()
    device.put('f', large)
    await device.die()
    const { node } = device.file('f').current
    device.move('f', 'g')
    await device.scan()
    expect(device.shown()).toEqual([`g ${hashOf(large)}`, other])
    expect(device.file('g').current.node).toBe(node)
    const rows = device.rows(device.file('g').current.entry.hash)!
    expect(rows.lengths.length).toBeGreaterThan(1)
    for (let row = 0; row < rows.lengths.length; row++) {
      expect(device.chunks.has(rows.ids.subarray(row * 32, row * 32 + 32))).toBe(true)
    }
  })

  it('is the same, if it is there', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.die()
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('f')).toMatchObject({ version: device.file('f').current.entry.hash })
    expect(await device.scan()).toMatchObject({ changed: 0 })
  })

  it('also if the run after ends early as well', async () => {
    const device = await folder()
    device.mkdir('d')
    await device.scan()
    device.put('d/f', 'one')
    await device.die()
    device.put('g', 'two')
    await device.die()
    device.remove('d/f')
    device.remove('g')
    await device.scan()
    expect(device.shown()).toEqual(['d/', other])
  })

  it('is read again: it may have been written to once more in the tick in which it was read', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.die()
    device.jobs.length = 0
    await device.scan()
    expect(device.jobs).toContain('hash 1')
  })

  it('comes back, if others have changed it', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.die()
    const another = member(device)
    another.put('f', 'one')
    another.put('other', 'other')
    await another.scan()
    another.put('f', 'two')
    await another.scan()
    device.remove('f')
    device.hear(another)
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.shown()).toEqual([`f ${hash('two')}`, other])
  })

  it('many at once are not believed to be deleted', async () => {
    const device = await folder()
    for (let index = 0; index < 30; index++) device.put(`${index}`, `${index}`)
    await device.die()
    for (let index = 0; index < 30; index++) device.remove(`${index}`)
    expect(await device.scan()).toMatchObject({ changed: 0, blocked: { code: 'FOLDER_MASS_DELETION' } })
    expect(await device.scan('everything', { acceptDeletions: true })).toMatchObject({ changed: 30 })
    expect(device.shown()).toEqual([other])
  })

  it('was put back as it had been', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.scan()
    device.save('f', 'two')
    await device.die()
    device.save('f', 'one')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([`f ${hash('one')}`, other])
  })

  it('was moved back to where it had been', async () => {
    const device = await folder()
    device.put('a', 'one')
    device.put('d/b', 'two')
    device.put('x', 'x')
    device.put('y', 'y')
    await device.scan()
    const swap = (): void => {
      device.move('x', 'z')
      device.move('y', 'x')
      device.move('z', 'y')
    }
    device.move('a', 'd/a')
    device.move('d', 'e')
    await device.die()
    device.move('e', 'd')
    device.move('d/a', 'a')
    await device.scan()
    const before = [`a ${hash('one')}`, 'd/', `d/b ${hash('two')}`, other, `x ${hash('x')}`, `y ${hash('y')}`]
    expect(device.shown()).toEqual(before)
    swap()
    await device.die()
    swap()
    await device.scan()
    expect(device.shown()).toEqual(before)
    expect(device.onDisk()).toEqual(before)
  })

  it('was moved before it was deleted', async () => {
    const device = await folder()
    device.put('a', 'one')
    device.put('d/b', 'two')
    await device.scan()
    device.move('a', 'a2')
    await device.die()
    device.remove('a2')
    await device.scan()
    device.move('d', 'e')
    await device.die()
    device.remove('e')
    await device.scan()
    expect(device.shown()).toEqual([other])
  })
})

describe('nothing is taken for deleted', () => {
  it('that a restore wrote, before or after', async () => {
    const device = await folder()
    device.put('f', 'one')
    device.put('g', 'one')
    await device.scan()
    const { nodes } = device.item('f')!
    const { version } = device.item('g')!
    device.remove('f')
    device.save('g', 'two')
    await device.scan()
    device.do(intents.restore(device.replica.view, nodes[0]!))
    device.put('new', 'new')
    await device.die()
    device.do(intents.restoreVersion(device.replica.view, ['g'], version!))
    device.remove('new')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.shown()).toEqual([`f ${hash('one')}`, `g ${hash('one')}`, other])
  })

  it('that a restore wrote, when the log was never told of what was to be', async () => {
    const device = await folder()
    device.put('f', 'one')
    device.put('g', 'one')
    await device.scan()
    const { version } = device.item('f')!
    device.save('f', 'two')
    await device.scan()
    device.save('f', 'three')
    await device.die(0)
    void device.up
    device.do(intents.restoreVersion(device.replica.view, ['f'], version!))
    device.remove('f')
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.shown()).toEqual([`f ${hash('one')}`, `g ${hash('one')}`, other])
  })

  it('after the system went down, or where nothing tells whether it did', async () => {
    for (const boot of ['boot 2', undefined]) {
      const device = await folder()
      device.put('f', 'one')
      await device.die()
      device.bootId = boot
      rmSync(device.path('f'))
      await device.scan()
      device.bootId = 'boot 1'
      await device.scan()
      expect(device.shown()).toEqual([`f ${hash('one')}`, other])
    }
  })

  it('when a backup of the log was restored', async () => {
    const device = await folder()
    device.put('f', 'one')
    await device.die(0)
    device.replica.newIncarnation()
    device.do(intents.makeDirectory(device.replica.view, ['f'], device.random))
    device.remove('f')
    await device.scan()
    expect(device.shown()).toEqual(['f/', other])
  })

  it('when the items cannot be read', async () => {
    for (const damage of ['', '{', '[]', '{"ends":1,"things":[]}', '{"ends":{},"things":[[0]]}']) {
      const device = await folder()
      device.put('f', 'one')
      await device.die()
      device.items.setFact('write-ahead', damage)
      device.remove('f')
      expect(await device.scan()).toMatchObject({ changed: 0 })
      expect(device.shown()).toEqual([`f ${hash('one')}`, other])
    }
  })
})

describe('what was deleted and came back', () => {
  it('is there again, whether the items heard of the deletion or not', async () => {
    for (const isHeard of [true, false]) {
      const device = await folder()
      device.put('f', 'one')
      device.put('d/g', 'one')
      await device.scan()
      device.move('f', '.harp/f')
      device.move('d', '.harp/d')
      if (isHeard) await device.scan()
      else await device.die()
      device.move('.harp/f', 'f')
      device.move('.harp/d', 'd')
      await device.scan()
      expect(device.shown()).toEqual(['d/', `d/g ${hash('one')}`, `f ${hash('one')}`, other])
    }
  })
})
