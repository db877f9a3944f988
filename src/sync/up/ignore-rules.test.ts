import { afterEach, describe, expect, it } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import { IgnoreRules } from './ignore-rules.ts'

describe('rules', () => {
  it('without a file leave out what editors and desktops leave behind', () => {
    for (const rules of [new IgnoreRules(), new IgnoreRules('build/\n')]) {
      const left = [
        '.harp',
        'd/.harp',
        '.DS_Store',
        'd/Thumbs.db',
        '~$a.docx',
        'd/.~lock.a.odt#',
        '.a.txt.swp',
      ]
      const taken = ['a', 'DS_Store', 'd/.a', '~a', '.harpignore', 'lock', '.swp', 'a.swp']
      expect(left.filter((path) => !rules.isIgnored(path, false))).toEqual([])
      expect(taken.filter((path) => rules.isIgnored(path, false))).toEqual([])
    }
  })

  it('are those of .gitignore', () => {
    const rules = new IgnoreRules('# text\n*.o\n/top\nbuild/\n!keep.o\n!.DS_Store\n!.harp\n')
    const is = (path: string, isDirectory = false) => rules.isIgnored(path, isDirectory)
    expect([is('a.o'), is('d/a.o'), is('keep.o'), is('A.O')]).toEqual([true, true, false, false])
    expect([is('top'), is('d/top')]).toEqual([true, false])
    expect([is('build'), is('build', true), is('d/build', true)]).toEqual([false, true, true])
    expect([is('.DS_Store'), is('.harp', true)]).toEqual([false, true])
  })

  it('hold for as many paths as there are', () => {
    const rules = new IgnoreRules('*.o\n')
    let ignored = 0
    for (let index = 0; index < 45_000; index++) if (rules.isIgnored(`d/${index}.o`, false)) ignored++
    expect(ignored).toBe(45_000)
  })
})

describe('what is ignored', () => {
  const devices: UpDevice[] = []

  function folder(): UpDevice {
    const device = new UpDevice().found()
    devices.push(device)
    return device
  }

  afterEach(() => {
    for (const device of devices.splice(0)) device.close()
  })

  it('is as if it were not there', async () => {
    const device = folder()
    device.put('.harpignore', 'build/\n')
    device.put('build/out', 'x')
    device.put('d/build/out', 'x')
    device.put('.DS_Store', 'x')
    device.put('a', 'x')
    expect(await device.scan()).toMatchObject({ changed: 3 })
    expect(device.up.isIgnored('build', true)).toBe(true)
  })

  it('and was synced stays for others, also when it is deleted here; and comes back when it is not ignored', async () => {
    const device = folder()
    device.put('build/out', 'x')
    device.put('a.o', 'x')
    await device.scan()
    const before = device.shown()
    const { nodes } = device.file('a.o')
    device.put('.harpignore', 'build/\n*.o\n')
    const report = await device.scanIn('')
    expect(report).toMatchObject({ changed: 1 })
    expect(report.stale).toContain(nodes[0])
    device.remove('build')
    await device.scan()
    expect(device.shown()).toEqual(expect.arrayContaining(before))
    device.remove('.harpignore')
    expect(await device.scanIn('')).toMatchObject({ changed: 1 })
    expect(device.item('a.o')).toMatchObject({ nodes })
  })

  it('by rules that cannot be read: nothing is taken in', async () => {
    const device = folder()
    device.put('.harpignore', 'x'.repeat(1024 * 1024 + 1))
    device.put('secret', 'x')
    const { changed, problems } = await device.scan()
    expect(changed).toBe(0)
    expect(problems).toMatchObject([{ code: 'FOLDER_FILE_UNREADABLE', path: '.harpignore' }])
    device.put('.harpignore', 'secret\n')
    expect(await device.scan()).toMatchObject({ changed: 1 })
  })
})
