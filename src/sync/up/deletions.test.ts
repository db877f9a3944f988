import { rmSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { content } from '../../../test/sync/support/tree-devices.ts'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import { privatePaths } from '../disk/private-directory.ts'
import * as intents from '../tree/intents.ts'

const devices: UpDevice[] = []

async function folder(files: readonly string[]): Promise<UpDevice> {
  const device = new UpDevice().found()
  devices.push(device)
  for (const file of files) device.put(file, file)
  await device.scan()
  return device
}

afterEach(() => {
  for (const device of devices.splice(0)) device.close()
})

function member(of: UpDevice): UpDevice {
  const device = new UpDevice().join(of)
  devices.push(device)
  return device
}

const many = (count: number, start = 'd/f') => Array.from({ length: count }, (_, index) => `${start}${index}`)

describe('what the user deleted', () => {
  it('is in the trash, a directory with all in it as one', async () => {
    const device = await folder(['a', 'd/b', 'd/e/c', 'k'])
    device.remove('a')
    device.remove('d')
    expect(await device.scan()).toMatchObject({ changed: 2, blocked: undefined })
    expect(device.shown()).toEqual(device.onDisk())
    expect(device.items.totals().files).toBe(1)
    expect(device.replica.view.trashed()).toHaveLength(2)
    expect(await device.scan()).toMatchObject({ changed: 0 })
  })

  it('and others had changed meanwhile stays, and is to be put there again', async () => {
    const device = await folder(['f', 'd/seen', 'd/edited', 'd/e/seen', 'k'])
    const other = member(device)
    const put = (...path: string[]) =>
      other.do(intents.putFile(other.replica.view, path, content(2), other.random))
    put('f')
    put('d', 'edited')
    put('d', 'new')
    device.hear(other)
    const [file, directory] = [device.item('f')!.nodes[0]!, device.item('d')!.nodes[0]!]
    device.remove('f')
    device.remove('d')
    const { changed, stale } = await device.scan()
    expect(changed).toBe(2)
    expect(device.shown().map((line) => line.split(' ')[0])).toEqual(['d/', 'd/edited', 'd/new', 'f', 'k'])
    expect(stale).toContain(file)
    expect(stale).toContain(directory)
    expect(device.item('f')).toBeUndefined()
  })

  it('and others as well is said once', async () => {
    const device = await folder(['f', 'k'])
    const other = member(device)
    other.do(intents.trash(other.replica.view, ['f']))
    device.hear(other)
    device.remove('f')
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('f')).toBeUndefined()
  })

  it('and others moved is deleted at its new place', async () => {
    const device = await folder(['f', 'k'])
    const other = member(device)
    other.do(intents.move(other.replica.view, ['f'], ['g']))
    device.hear(other)
    device.remove('f')
    await device.scan()
    expect(device.shown()).toHaveLength(1)
  })
})

describe('very many deletions', () => {
  it('are not written until the user says so; everything else is', async () => {
    const device = await folder([...many(25), 'k'])
    device.remove('d')
    device.put('new', 'new')
    const report = await device.scan()
    expect(report).toMatchObject({ changed: 1, blocked: { code: 'FOLDER_MASS_DELETION', deletions: 25 } })
    expect(device.shown()).toHaveLength(28)
    expect(await device.scan()).toMatchObject({ blocked: { code: 'FOLDER_MASS_DELETION' } })
    const accepted = await device.scan('everything', { acceptDeletions: true })
    expect(accepted).toMatchObject({ changed: 1, blocked: undefined })
    expect(device.shown()).toEqual(device.onDisk())
  })

  it('of what is a small part are', async () => {
    const device = await folder([...many(25), ...many(60, 'e/f')])
    device.remove('d')
    expect(await device.scan()).toMatchObject({ changed: 1, blocked: undefined })
  })

  it('of everything are asked about from ten on', async () => {
    const ten = await folder(many(10))
    ten.remove('d')
    expect(await ten.scan()).toMatchObject({ blocked: { deletions: 10 } })
    const nine = await folder(many(9))
    nine.remove('d')
    expect(await nine.scan()).toMatchObject({ changed: 1, blocked: undefined })
  })

  it('that make room for something else leave it outside as well', async () => {
    const device = await folder([...many(25), 'k'])
    device.remove('d')
    device.put('d', 'a file now')
    expect(await device.scan()).toMatchObject({ changed: 0, blocked: { deletions: 25 } })
    await device.scan('everything', { acceptDeletions: true })
    expect(device.shown()).toEqual(device.onDisk())
  })

  it('moving everything is none', async () => {
    const device = await folder(many(40))
    device.move('d', 'e')
    expect(await device.scan()).toMatchObject({ changed: 1, blocked: undefined })
    device.mkdir('x')
    for (const name of many(40, 'f')) device.move(`e/${name}`, `x/${name}`)
    expect(await device.scan()).toMatchObject({ changed: 41, blocked: undefined })
  })
})

describe('a disk that is not there', () => {
  it('is no deletion', async () => {
    const device = await folder(['a', 'b'])
    rmSync(device.path(privatePaths.marker))
    device.remove('a')
    expect(await device.scan()).toMatchObject({ changed: 0, blocked: { code: 'FOLDER_DISK_MISSING' } })
    device.put(privatePaths.marker, 'f'.repeat(64))
    expect(await device.scan()).toMatchObject({ changed: 0, blocked: { code: 'FOLDER_DISK_MISSING' } })
    device.remove('.harp')
    device.remove('b')
    expect(await device.scan()).toMatchObject({ blocked: { code: 'FOLDER_DISK_MISSING' } })
    rmSync(device.root, { recursive: true })
    expect(await device.scan()).toMatchObject({ blocked: { code: 'FOLDER_DISK_MISSING' } })
    device.mkdir('')
    expect(device.shown()).toHaveLength(2)
  })

  it('also if it goes while it is scanned', async () => {
    const device = await folder(['a', 'b'])
    const { fs } = device
    let looks = 0
    device.fs = {
      ...fs,
      stat: (path) => (path.endsWith(privatePaths.marker) && ++looks > 1 ? undefined : fs.stat(path)),
    }
    device.restart()
    device.remove('a')
    expect(await device.scan()).toMatchObject({ changed: 0, blocked: { code: 'FOLDER_DISK_MISSING' } })
  })
})
