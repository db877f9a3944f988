import { describe, expect, it } from 'vitest'
import * as intents from '../../src/sync/tree/intents.ts'
import { content, Devices, type TestDevice } from './support/tree-devices.ts'

/** What follows from the rules, as users would tell it: two devices act apart, then meet. */
function apart(): { devices: Devices; a: TestDevice; b: TestDevice } {
  const devices = new Devices(3)
  return { devices, a: devices.device(0), b: devices.device(1) }
}

const path = (text: string): string[] => text.split('/').filter((name) => name !== '')

function mkdir(device: TestDevice, devices: Devices, at: string): void {
  device.do(intents.makeDirectory(device.view, path(at), devices.random))
}

function save(device: TestDevice, devices: Devices, at: string, mark = 1): string {
  return device.do(intents.putFile(device.view, path(at), content(mark), devices.random))[0]!.hash
}

const move = (device: TestDevice, from: string, to: string) =>
  device.do(intents.move(device.view, path(from), path(to)))
const trash = (device: TestDevice, at: string) => device.do(intents.trash(device.view, path(at)))

function file(device: TestDevice, at: string): { current: string; concurrent: string[]; versions: string[] } {
  const shown = device.view.at(path(at))
  if (shown === undefined || shown.kind === 'directory') throw new Error(`no file at ${at}`)
  const hash = ({ entry }: { entry: { hash: string } }) => entry.hash
  return {
    current: hash(shown.current),
    concurrent: shown.concurrent.map(hash),
    versions: shown.versions.map(hash),
  }
}

describe('delete', () => {
  it('edit ∥ delete: the file stays, with both versions', () => {
    const { devices, a, b } = apart()
    const first = save(a, devices, 'f')
    devices.meet()
    const second = save(a, devices, 'f', 2)
    trash(b, 'f')
    expect(b.paths()).toEqual([])
    devices.meet()
    expect(b.paths()).toEqual(['f'])
    expect(file(b, 'f')).toEqual({ current: second, concurrent: [], versions: [first, second] })
  })

  it('new file ∥ delete of its folder: the folder stays with only that file', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd/sub')
    save(a, devices, 'd/old')
    save(a, devices, 'd/sub/older')
    devices.meet()
    save(a, devices, 'd/sub/new')
    trash(b, 'd')
    devices.meet()
    expect(a.paths()).toEqual(['d/', 'd/sub/', 'd/sub/new'])
  })

  it('moving D into a folder someone deletes: D and all its contents stay', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd/sub')
    save(a, devices, 'd/sub/f')
    mkdir(a, devices, 'gone')
    save(a, devices, 'gone/g')
    devices.meet()
    move(a, 'd', 'gone/d')
    trash(b, 'gone')
    devices.meet()
    expect(b.paths()).toEqual(['gone/', 'gone/d/', 'gone/d/sub/', 'gone/d/sub/f'])
  })

  it('move-out ∥ delete: what was moved out survives, with all below', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd/sub')
    save(a, devices, 'd/sub/f')
    save(a, devices, 'd/g')
    devices.meet()
    move(a, 'd/sub', 'sub')
    trash(b, 'd')
    devices.meet()
    expect(b.paths()).toEqual(['sub/', 'sub/f'])
  })

  it('rename of a file ∥ delete: it survives under its new name', () => {
    const { devices, a, b } = apart()
    save(a, devices, 'f')
    devices.meet()
    move(a, 'f', 'g')
    trash(b, 'f')
    devices.meet()
    expect(a.paths()).toEqual(['g'])
  })

  it('rename of a folder ∥ delete of that folder: the folder survives with all that is in it', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/f')
    devices.meet()
    move(a, 'd', 'e')
    trash(b, 'd')
    devices.meet()
    expect(a.paths()).toEqual(['e/', 'e/f'])
    trash(b, 'e')
    devices.meet()
    expect(a.paths()).toEqual([])
  })

  it('delete ∥ delete, and a setting of attributes beside it: gone', () => {
    const { devices, a, b } = apart()
    save(a, devices, 'f')
    devices.meet()
    trash(a, 'f')
    trash(b, 'f')
    const c = devices.device(2)
    c.do(intents.setAttributes(c.view, ['f'], { exec: true }))
    devices.meet()
    expect(a.paths()).toEqual([])
    expect(a.view.trashed()).toMatchObject([{ name: 'f', trashes: { length: 2 } }])
  })

  it('moved within a deleted folder by someone who had not seen the delete: shown where it was moved to', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd/e')
    save(a, devices, 'd/f')
    devices.meet()
    move(a, 'd/f', 'd/e/f')
    trash(b, 'd')
    devices.meet()
    expect(a.paths()).toEqual(['d/', 'd/e/', 'd/e/f'])
  })

  it('a folder that came back for one new file does not bring back what was deleted with it', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/old')
    devices.meet()
    save(a, devices, 'd/new')
    trash(b, 'd')
    devices.meet()
    move(a, 'd', 'e')
    expect(a.paths()).toEqual(['e/', 'e/new'])
    devices.meet()
    expect(b.paths()).toEqual(['e/', 'e/new'])
  })
})

describe('create again and restore', () => {
  it('re-create after delete: the same node, and its history continues', () => {
    const { devices, a } = apart()
    const first = save(a, devices, 'f')
    const node = a.view.at(['f'])!.nodes
    trash(a, 'f')
    const second = save(a, devices, 'f', 2)
    expect(a.view.at(['f'])!.nodes).toEqual(node)
    expect(file(a, 'f')).toEqual({ current: second, concurrent: [], versions: [first, second] })
  })

  it('re-create a folder after delete: it is empty, and a file of an old name has its history', () => {
    const { devices, a } = apart()
    mkdir(a, devices, 'd')
    const first = save(a, devices, 'd/f')
    save(a, devices, 'd/g')
    trash(a, 'd')
    mkdir(a, devices, 'd')
    expect(a.paths()).toEqual(['d/'])
    const second = save(a, devices, 'd/f', 2)
    expect(a.paths()).toEqual(['d/', 'd/f'])
    expect(file(a, 'd/f').versions).toEqual([first, second])
  })

  it('a file that is re-created as a folder is another node', () => {
    const { devices, a } = apart()
    save(a, devices, 'x')
    trash(a, 'x')
    mkdir(a, devices, 'x')
    expect(a.paths()).toEqual(['x/'])
    expect(a.view.trashed()).toMatchObject([{ kind: 'content', path: ['x'] }])
  })

  it('restore ∥ restore: back once, and a delete after that is a delete', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/f')
    trash(a, 'd')
    devices.meet()
    for (const device of [a, b]) device.do(intents.restore(device.view, device.view.trashed()[0]!.node))
    devices.meet()
    expect(a.paths()).toEqual(['d/', 'd/f'])
    expect(a.view.trashed()).toEqual([])
    trash(b, 'd')
    devices.meet()
    expect(a.paths()).toEqual([])
  })

  it('restore ∥ delete by someone who had not seen the restore: the restored stays', () => {
    const { devices, a, b } = apart()
    save(a, devices, 'f')
    trash(a, 'f')
    devices.meet()
    a.do(intents.restore(a.view, a.view.trashed()[0]!.node))
    b.write({ type: 'trash', node: b.view.trashed()[0]!.node })
    devices.meet()
    expect(b.paths()).toEqual(['f'])
    trash(b, 'f')
    expect(b.paths()).toEqual([])
  })

  it('one file out of a deleted folder, then a folder out of it, then the rest', () => {
    const { devices, a } = apart()
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd/e')
    for (const at of ['d/f', 'd/g', 'd/e/h', 'd/e/i']) save(a, devices, at)
    trash(a, 'd')
    expect(a.view.trashed()).toMatchObject([{ kind: 'directory', path: ['d'] }])
    const inside = a.view.hiddenIn([a.view.trashed()[0]!.node])
    expect(inside.map(({ name }) => name)).toEqual(['e', 'f', 'g'])
    a.do(intents.restore(a.view, inside[1]!.node))
    expect(a.paths()).toEqual(['d/', 'd/f'])
    a.do(intents.restore(a.view, inside[0]!.node))
    expect(a.paths()).toEqual(['d/', 'd/e/', 'd/e/h', 'd/e/i', 'd/f'])
    a.do(intents.restore(a.view, a.view.trashed()[0]!.node))
    expect(a.paths()).toEqual(['d/', 'd/e/', 'd/e/h', 'd/e/i', 'd/f', 'd/g'])
    expect(a.view.trashed()).toEqual([])
  })

  it('what was deleted by itself before its folder was stays in the trash when the folder comes back', () => {
    const { devices, a } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/f')
    save(a, devices, 'd/g')
    trash(a, 'd/f')
    trash(a, 'd')
    a.do(intents.restore(a.view, a.view.trashed()[0]!.node))
    expect(a.paths()).toEqual(['d/', 'd/g'])
    expect(a.view.trashed()).toMatchObject([{ path: ['d', 'f'] }])
  })

  it('deleted by two who had not seen each other, restored once: all is back', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd/e')
    save(a, devices, 'd/e/f')
    devices.meet()
    trash(a, 'd')
    trash(b, 'd/e')
    devices.meet()
    const below = a.view.hiddenIn([a.view.trashed()[0]!.node])[0]!
    expect(below.trashes).toHaveLength(2)
    a.do(intents.restore(a.view, below.node))
    expect(a.paths()).toEqual(['d/', 'd/e/', 'd/e/f'])
  })
})

describe('same names', () => {
  it('two folders of one name are one; it moves and is deleted as a whole', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/f')
    mkdir(b, devices, 'd')
    mkdir(b, devices, 'd/s')
    save(b, devices, 'd/g')
    devices.meet()
    expect(a.paths()).toEqual(['d/', 'd/f', 'd/g', 'd/s/'])
    expect(a.view.at(['d'])!.nodes).toHaveLength(2)
    expect(move(a, 'd', 'e')).toHaveLength(2)
    expect(a.paths()).toEqual(['e/', 'e/f', 'e/g', 'e/s/'])
    expect(trash(a, 'e')).toHaveLength(2)
    expect(a.paths()).toEqual([])
  })

  it('unions at several levels: what is below them is found through all', () => {
    const { devices, a, b } = apart()
    for (const device of [a, b]) {
      mkdir(device, devices, 'd')
      mkdir(device, devices, 'd/e')
      save(device, devices, 'd/e/f', 1)
    }
    const mine = save(a, devices, 'd/e/mine')
    devices.meet()
    expect(b.paths()).toEqual(['d/', 'd/e/', 'd/e/f', 'd/e/mine'])
    expect(file(b, 'd/e/mine').current).toBe(mine)
    expect(b.view.at(['d', 'e'])!.nodes).toHaveLength(2)
  })

  it('union ∥ rename of one half: they are separate again, nothing else changes', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/f')
    mkdir(b, devices, 'd')
    save(b, devices, 'd/g')
    move(b, 'd', 'e')
    devices.meet()
    expect(a.paths()).toEqual(['d/', 'd/f', 'e/', 'e/g'])
  })

  it('trash of a union ∥ a new file in one half: that file stays', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'd')
    save(a, devices, 'd/f')
    mkdir(b, devices, 'd')
    save(b, devices, 'd/g')
    devices.meet()
    trash(a, 'd')
    save(b, devices, 'd/new')
    devices.meet()
    expect(a.paths()).toEqual(['d/', 'd/new'])
  })

  it('two files of one name are one file; the next save closes the fork', () => {
    const { devices, a, b } = apart()
    const ours = save(a, devices, 'f', 1)
    const theirs = save(b, devices, 'f', 2)
    devices.meet()
    expect(file(a, 'f')).toEqual({ current: theirs, concurrent: [ours], versions: [ours, theirs] })
    const joined = save(a, devices, 'f', 3)
    devices.meet()
    expect(file(b, 'f')).toEqual({ current: joined, concurrent: [], versions: [ours, theirs, joined] })
    expect(trash(b, 'f')).toHaveLength(2)
    expect(b.paths()).toEqual([])
  })

  it('edit ∥ edit: one file, the last in order is shown; a save that saw one leaves the other concurrent', () => {
    const { devices, a, b } = apart()
    const c = devices.device(2)
    save(a, devices, 'f', 1)
    devices.meet()
    const left = save(a, devices, 'f', 2)
    const right = save(b, devices, 'f', 3)
    c.hear(b)
    const more = save(c, devices, 'f', 4)
    devices.meet()
    expect(file(a, 'f')).toMatchObject({ current: more, concurrent: [left] })
    expect(file(a, 'f').versions).toHaveLength(4)
    expect(file(a, 'f').versions).toContain(right)
  })

  it('a file beside a folder of its name has a number, the smallest free one, and can be used under it', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'x')
    save(a, devices, 'x~2')
    const first = save(b, devices, 'x')
    devices.meet()
    expect(a.paths()).toEqual(['x/', 'x~2', 'x~3'])
    expect(file(a, 'x~3').current).toBe(first)
    const second = save(a, devices, 'x~3', 2)
    expect(file(a, 'x~3').versions).toEqual([first, second])
    a.do(intents.setAttributes(a.view, ['x~3'], { exec: true }))
    expect(a.view.at(['x~3'])).toMatchObject({ exec: true })
    move(a, 'x~3', 'y')
    expect(a.paths()).toEqual(['x/', 'x~2', 'y'])
    move(a, 'y', 'x~3')
    trash(a, 'x')
    expect(a.paths()).toEqual(['x~2', 'x~3'])
  })

  it('a numbered file has its own name again when the folder goes', () => {
    const { devices, a, b } = apart()
    mkdir(a, devices, 'x')
    save(b, devices, 'x')
    devices.meet()
    expect(a.paths()).toEqual(['x/', 'x~2'])
    trash(a, 'x')
    expect(a.paths()).toEqual(['x'])
    expect(a.view.at(['x~2'])).toBeUndefined()
  })

  it('hidden nodes hold no names', () => {
    const { devices, a } = apart()
    mkdir(a, devices, 'x')
    trash(a, 'x')
    save(a, devices, 'x')
    expect(a.paths()).toEqual(['x'])
  })
})

describe('move', () => {
  it('move ∥ move: the later in order wins', () => {
    const { devices, a, b } = apart()
    save(a, devices, 'f')
    devices.meet()
    move(a, 'f', 'g')
    move(b, 'f', 'h')
    devices.meet()
    expect(a.paths()).toEqual(['h'])
  })

  it('move ∥ edit: both apply', () => {
    const { devices, a, b } = apart()
    save(a, devices, 'f')
    devices.meet()
    move(a, 'f', 'g')
    const second = save(b, devices, 'f', 2)
    devices.meet()
    expect(a.paths()).toEqual(['g'])
    expect(file(a, 'g').current).toBe(second)
  })

  it('two moves that make a cycle: the later one is ignored, nothing is lost', () => {
    const { devices, a, b } = apart()
    for (const at of ['d', 'e']) mkdir(a, devices, at)
    save(a, devices, 'd/f')
    save(a, devices, 'e/g')
    devices.meet()
    move(a, 'd', 'e/d')
    move(b, 'e', 'd/e')
    devices.meet()
    expect(a.paths()).toEqual(['e/', 'e/d/', 'e/d/f', 'e/g'])
    expect(b.paths()).toEqual(a.paths())
  })

  it('one half of a merged file moved away by someone who had not seen the other: each has the last of its versions', () => {
    const { devices, a, b } = apart()
    const mine = save(a, devices, 'f', 1)
    const c = devices.device(2)
    c.hear(a)
    const theirs = save(b, devices, 'f', 2)
    move(c, 'f', 'g')
    a.hear(b)
    const joined = save(a, devices, 'f', 3)
    expect(file(a, 'f')).toEqual({ current: joined, concurrent: [], versions: [mine, theirs, joined] })
    devices.meet()
    expect(a.paths()).toEqual(['f', 'g'])
    // The joined version went to the node of what was current, and replaces the other node's only one.
    expect(file(a, 'f')).toEqual({ current: joined, concurrent: [], versions: [theirs, joined] })
    expect(file(a, 'g')).toEqual({ current: mine, concurrent: [], versions: [mine] })
  })
})
