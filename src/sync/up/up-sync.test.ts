import { execFileSync } from 'node:child_process'
import { linkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import * as intents from '../tree/intents.ts'
import { content } from '../../../test/sync/support/tree-devices.ts'

const devices: UpDevice[] = []

function folder(): UpDevice {
  const device = new UpDevice().found()
  devices.push(device)
  return device
}

function member(of: UpDevice, role?: 'read'): UpDevice {
  const device = new UpDevice().join(of, role)
  devices.push(device)
  return device
}

afterEach(() => {
  for (const device of devices.splice(0)) device.close()
})

async function agrees(device: UpDevice): Promise<void> {
  expect(device.shown()).toEqual(device.onDisk())
  const { changed, again } = await device.scan()
  expect({ changed, again: again.size }).toEqual({ changed: 0, again: 0 })
}

describe('a first scan', () => {
  it('writes all that is there', async () => {
    const device = folder()
    device.put('a', 'one')
    device.put('d/e/b', 'two')
    device.put('empty', '')
    device.mkdir('d/nothing')
    device.symlink('../elsewhere', 'd/link')
    device.exec('a', true)
    const report = await device.scan()
    expect(report).toMatchObject({ changed: 7, problems: [], blocked: undefined })
    expect(device.announced).toBeGreaterThan(0)
    await agrees(device)
  })

  it('of a large file stores its chunks by place, of small ones sealed as well', async () => {
    const device = folder()
    const large = device.random(3_000_000)
    device.put('large', large)
    device.put('small', 'text')
    await device.scan()
    const small = device.item('small')!
    expect(device.chunks.stats()).toMatchObject({ chunks: 1 })
    expect(device.items.totals()).toEqual({ files: 2, bytes: 3_000_004 })
    expect(device.file('large').current.operation).toMatchObject({ content: { size: 3_000_000 } })
    const list = device.replica.log.record(device.replica.log.entry(small.version!)!).chunkList!
    expect(device.chunks.find(list)).toMatchObject({ in: 'pack' })
    await agrees(device)
  })

  it('stores what is in small files before the log tells of them', async () => {
    const device = folder()
    device.put('small', 'text')
    const order: string[] = []
    const { replica, chunks } = device
    const note = <T extends readonly unknown[], R>(what: string, act: (...given: T) => R) => {
      return (...given: T): R => {
        order.push(what)
        return act(...given)
      }
    }
    chunks.addSealed = note('content', chunks.addSealed.bind(chunks))
    chunks.commit = note('lasting', chunks.commit.bind(chunks))
    replica.write = note('log', replica.write.bind(replica))
    await device.scan()
    expect(order.slice(order.indexOf('content')).slice(0, 3)).toEqual(['content', 'lasting', 'log'])
  })

  it('with "current" stores nothing twice', async () => {
    const device = folder()
    device.keep = 'current'
    device.put('small', 'text')
    await device.scan()
    const { version } = device.item('small')!
    const list = device.replica.log.record(device.replica.log.entry(version!)!).chunkList!
    expect(device.chunks.find(list)).toMatchObject({ in: 'file' })
  })

  it('of very many files and directories reads many at once', async () => {
    const device = folder()
    for (let index = 0; index < 600; index++) device.put(`d${index % 150}/f${index}`, `${index}`)
    const { changed } = await device.scan()
    expect(changed).toBe(750)
    expect(device.jobs.length).toBeLessThan(12)
    await agrees(device)
  })
})

describe('edits', () => {
  it('of content are a version, whichever way they are saved', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    const { nodes } = device.file('f')
    device.put('f', 'two')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    device.save('f', 'three')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.file('f')).toMatchObject({ nodes, concurrent: [], versions: { length: 3 } })
    await agrees(device)
  })

  it('are found by a scan of their directory alone', async () => {
    const device = folder()
    device.put('d/f', 'one')
    device.put('e/f', 'one')
    await device.scan()
    device.put('d/f', 'two')
    device.put('e/f', 'two')
    expect(await device.scanIn('d')).toMatchObject({ changed: 1 })
    expect(device.file('d/f').versions).toHaveLength(2)
    expect(device.file('e/f').versions).toHaveLength(1)
  })

  it('of a directory that was moved are found where it is, also if its old place leads in a circle', async () => {
    const device = folder()
    device.put('d/e/f', 'one')
    device.mkdir('to')
    await device.scan()
    const heard = ['', 'to', 'd', 'd/e'].map((path) => device.item(path)!.id)
    device.move('d', 'to/d')
    device.symlink('d', 'd')
    device.put('to/d/e/f', 'two')
    expect(await device.scan(new Set(heard))).toMatchObject({ problems: [] })
    expect(device.file('to/d/e/f').versions).toHaveLength(2)
    await agrees(device)
  })

  it('of attributes cost no reading', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    device.jobs.length = 0
    device.exec('f', true)
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.jobs).toEqual(['list 1'])
    expect(device.file('f')).toMatchObject({ exec: true, versions: { length: 1 } })
    device.touch('f', 1_000_000_000)
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.file('f')).toMatchObject({ mtime: { seconds: 1_000_000_000, nanos: 0 } })
    expect(device.file('f').versions).toHaveLength(1)
    await agrees(device)
  })

  it('a file becomes a symlink and a symlink a file: one history', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    device.remove('f')
    device.symlink('target', 'f')
    await device.scan()
    expect(device.file('f')).toMatchObject({ kind: 'symlink', versions: { length: 2 } })
    device.remove('f')
    device.put('f', 'two')
    await device.scan()
    expect(device.file('f')).toMatchObject({ kind: 'file', versions: { length: 3 } })
    await agrees(device)
  })

  it('within one tick of the clock are found by looking again', async () => {
    const device = folder()
    device.ahead = 0
    device.put('f', 'one')
    const { mtimeMs } = statSync(device.path('f'))
    const first = await device.scan()
    expect(first.again).toEqual(new Set([1]))
    const item = device.item('f')!
    writeFileSync(device.path('f'), 'two')
    utimesSync(device.path('f'), mtimeMs / 1000, mtimeMs / 1000)
    const { mtimeMs: now, ctimeMs } = statSync(device.path('f'))
    device.items.update(item.id, { print: { ...item.print, mtimeMs: now, ctimeMs } })
    device.restart()
    device.ahead = 10_000
    expect(await device.scan()).toMatchObject({ changed: 1 })
    await agrees(device)
  })
})

describe('names', () => {
  it('that were moved stay the same files', async () => {
    const device = folder()
    device.put('a', 'one')
    device.put('d/b', 'two')
    await device.scan()
    const { nodes } = device.file('a')
    device.jobs.length = 0
    device.move('a', 'd/c')
    expect(await device.scan()).toMatchObject({ changed: 1 })
    expect(device.jobs.filter((job) => job.startsWith('hash'))).toEqual([])
    expect(device.file('d/c')).toMatchObject({ nodes, versions: { length: 1 } })
    await agrees(device)
  })

  it('of a directory with all in it: one operation', async () => {
    const device = folder()
    for (let index = 0; index < 50; index++) device.put(`d/e/f${index}`, `${index}`)
    await device.scan()
    device.mkdir('x')
    device.move('d', 'x/y')
    const report = await device.scanIn('')
    expect(report.changed).toBe(2)
    expect(device.lastOperations(2)).toEqual(['mkdir', 'move'])
    await agrees(device)
  })

  it('moved and edited, moved out of what is deleted, moved into what is new', async () => {
    const device = folder()
    device.put('d/keep', 'one')
    device.put('d/other', 'two')
    device.put('d/sub/f', 'three')
    await device.scan()
    const { nodes } = device.file('d/keep')
    device.move('d/keep', 'kept')
    device.put('kept', 'edited')
    device.mkdir('new/deep')
    device.move('d/sub', 'new/deep/sub')
    device.remove('d')
    await device.scan()
    expect(device.file('kept')).toMatchObject({ nodes, versions: { length: 2 } })
    expect(device.file('new/deep/sub/f').versions).toHaveLength(1)
    await agrees(device)
  })

  it('of directories change places', async () => {
    const device = folder()
    device.put('a/one', 'one')
    device.put('b/two', 'two')
    device.put('c/three', 'three')
    await device.scan()
    const nodes = ['a', 'b', 'c'].map((name) => device.replica.view.at([name])!.nodes)
    device.move('a', 't')
    device.move('b', 'a')
    device.move('c', 'b')
    device.move('t', 'c')
    const { changed } = await device.scan()
    expect(changed).toBe(3)
    expect(['c', 'a', 'b'].map((name) => device.replica.view.at([name])!.nodes)).toEqual(nodes)
    await agrees(device)
  })

  it('of files change places: each name keeps its history', async () => {
    const device = folder()
    device.put('a', 'one')
    device.put('b', 'two')
    await device.scan()
    device.move('a', 't')
    device.move('b', 'a')
    device.move('t', 'b')
    await device.scan()
    expect(device.file('a').versions).toHaveLength(2)
    await agrees(device)
  })

  it('a directory takes the place of one that is gone', async () => {
    const device = folder()
    device.put('a/one', 'one')
    device.put('b/two', 'two')
    await device.scan()
    device.remove('b')
    device.move('a', 'b')
    await device.scan()
    expect(device.lastOperations(2)).toEqual(['trash', 'move'])
    await agrees(device)
  })

  it('a directory is made anew under its name, and another under the name of one that went', async () => {
    const device = folder()
    device.put('a/one', 'one')
    device.put('b/two', 'two')
    await device.scan()
    device.move('a/one', 'one')
    device.remove('a')
    device.mkdir('a')
    device.move('b', 'c')
    device.mkdir('b')
    device.put('b/three', 'three')
    expect(await device.scan()).toMatchObject({ blocked: undefined })
    await agrees(device)
  })

  it('of another kind', async () => {
    const device = folder()
    device.put('a', 'one')
    device.put('b/two', 'two')
    await device.scan()
    device.remove('a')
    device.remove('b')
    device.put('a/inside', 'three')
    device.put('b', 'four')
    expect(await device.scan()).toMatchObject({ blocked: undefined })
    await agrees(device)
    device.move('a/inside', 'c')
    device.remove('a')
    device.move('b', 'a')
    device.mkdir('b')
    await device.scan()
    await agrees(device)
  })

  it('copies and hard links are files of their own', async () => {
    const device = folder()
    device.put('a', 'one')
    await device.scan()
    linkSync(device.path('a'), device.path('b'))
    await device.scan()
    expect(device.file('a').nodes).not.toEqual(device.file('b').nodes)
    device.remove('a')
    linkSync(device.path('b'), device.path('c'))
    linkSync(device.path('b'), device.path('d'))
    await device.scan()
    await agrees(device)
  })

  it('that the log cannot hold are said, and the rest goes on', async () => {
    const device = folder()
    device.put('caf\u00e9', 'composed')
    device.put('cafe\u0301', 'decomposed')
    device.put('nai\u0308f', 'only decomposed')
    writeFileSync(Buffer.concat([Buffer.from(device.path('bad')), Buffer.from([0xff])]), 'x')
    execFileSync('mkfifo', [device.path('pipe')])
    const { problems } = await device.scan()
    const codes = problems.map(({ code, path }) => `${code} ${path}`).sort()
    expect(codes).toEqual([
      'FOLDER_BAD_NAME bad\ufffd',
      'FOLDER_BAD_NAME cafe\u0301',
      'FOLDER_SPECIAL_FILE pipe',
    ])
    expect(device.file('na\u00eff').versions).toHaveLength(1)
    rmSync(device.path('caf\u00e9'))
    await device.scan()
    expect(await device.scan()).toMatchObject({ changed: 0 })
  })
})

describe('what others did that has not come to this disk', () => {
  it('an edit of what they edited is concurrent with it', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    const seen = device.item('f')!.version!
    const other = member(device)
    other.do(intents.putFile(other.replica.view, ['f'], content(2), other.random))
    device.hear(other)
    device.put('f', 'mine')
    await device.scan()
    expect(device.file('f')).toMatchObject({ concurrent: { length: 1 }, versions: { length: 3 } })
    expect(device.file('f').current.operation.bases).toEqual([seen])
    expect(device.item('f')!.version).toBe(device.file('f').current.entry.hash)
  })

  it('an edit of what they moved goes with it; of what they deleted brings it back', async () => {
    const device = folder()
    device.put('f', 'one')
    device.put('g', 'one')
    await device.scan()
    const other = member(device)
    other.do(intents.move(other.replica.view, ['f'], ['h']))
    other.do(intents.trash(other.replica.view, ['g']))
    device.hear(other)
    device.put('f', 'mine')
    device.put('g', 'mine')
    await device.scan()
    expect(device.file('h')).toMatchObject({ concurrent: [], versions: { length: 2 } })
    expect(device.file('g')).toMatchObject({ concurrent: [], versions: { length: 2 } })
    expect(device.replica.view.at(['f'])).toBeUndefined()
  })

  it('a new file of a name that they made is one file with both versions', async () => {
    const device = folder()
    const other = member(device)
    other.do(intents.putFile(other.replica.view, ['f'], content(2), other.random))
    device.hear(other)
    device.put('f', 'mine')
    await device.scan()
    expect(device.file('f')).toMatchObject({ concurrent: { length: 1 }, nodes: { length: 2 } })
  })

  it('what a joined folder holds already is taken for theirs, and old versions for old', async () => {
    const device = folder()
    device.put('d/f', 'one')
    device.put('g', 'old')
    await device.scan()
    const [old] = device.file('g').versions
    device.put('g', 'new')
    await device.scan()
    const other = member(device)
    other.put('d/f', 'one')
    other.put('g', 'old')
    other.put('d/mine', 'more')
    const report = await other.scan()
    expect(report.changed).toBe(1)
    expect(other.item('d/f')!.version).toBe(device.item('d/f')!.version)
    expect(other.item('g')!.version).toBe(old!.entry.hash)
    expect(report.stale).toContain(other.item('g')!.nodes[0])
  })

  it('a new directory where they made one is that one; where they made a file it is beside it', async () => {
    const device = folder()
    const other = member(device)
    other.do(intents.makeDirectory(other.replica.view, ['d'], other.random))
    other.do(intents.putFile(other.replica.view, ['e'], content(2), other.random))
    device.hear(other)
    device.put('d/mine', 'one')
    device.put('e/mine', 'one')
    expect(await device.scan()).toMatchObject({ changed: 3 })
    expect(device.replica.view.at(['d'])!.nodes).toHaveLength(1)
    expect(device.shown().filter((line) => !line.includes('mine'))).toEqual([
      'd/',
      'e/',
      `e~2 ${content(2).hash.slice(0, 16)}`,
    ])
  })

  it('a new file in a directory that they moved is in it, at its new place', async () => {
    const device = folder()
    device.mkdir('d')
    await device.scan()
    const other = member(device)
    other.do(intents.move(other.replica.view, ['d'], ['e']))
    device.hear(other)
    device.put('d/mine', 'one')
    await device.scan()
    expect(device.file('e/mine').versions).toHaveLength(1)
    expect(device.replica.view.at(['d'])).toBeUndefined()
  })
})

describe('what was made under a name that was deleted', () => {
  it('goes on with its history', async () => {
    const device = folder()
    device.put('d/f', 'one')
    await device.scan()
    const nodes = [device.file('d/f').nodes, device.replica.view.at(['d'])!.nodes]
    device.remove('d')
    await device.scan()
    expect(device.shown()).toEqual([])
    device.put('d/f', 'two')
    await device.scan()
    expect([device.file('d/f').nodes, device.replica.view.at(['d'])!.nodes]).toEqual(nodes)
    expect(device.file('d/f').versions).toHaveLength(2)
    await agrees(device)
  })
})

describe('what cannot be read', () => {
  it('stays as it is for others', async () => {
    const device = folder()
    device.put('d/f', 'one')
    device.put('e/f', 'one')
    device.put('g', 'one')
    await device.scan()
    device.put('g', 'two')
    device.remove('e/f')
    device.forbid('d/', 'e/f')
    const { fs } = device
    device.fs = {
      ...fs,
      open: (path, mode) => {
        if (path === device.path('g')) throw Object.assign(new Error('EACCES: no'), { code: 'EACCES' })
        return fs.open(path, mode)
      },
    }
    const { problems, changed } = await device.scan()
    expect(changed).toBe(0)
    expect(problems.map(({ code, path }) => `${code} ${path}`).sort()).toEqual([
      'FOLDER_FILE_UNREADABLE d',
      'FOLDER_FILE_UNREADABLE e/f',
      'FOLDER_FILE_UNREADABLE g',
    ])
    expect(device.shown()).toHaveLength(5)
  })
})

describe('a device that may only read', () => {
  it('says what was changed here and tells nobody', async () => {
    const device = folder()
    device.put('f', 'one')
    device.put('g', 'one')
    device.put('h', 'one')
    device.put('d/x', 'one')
    await device.scan()
    const other = member(device, 'read')
    for (const name of ['f', 'g', 'h', 'd/x']) other.put(name, 'one')
    expect(await other.scan()).toMatchObject({ changed: 0, problems: [] })
    other.put('f', 'two')
    other.remove('g')
    other.move('h', 'i')
    other.mkdir('new')
    other.exec('d/x', true)
    const { changed, problems, blocked } = await other.scan()
    expect({ changed, blocked }).toEqual({ changed: 0, blocked: undefined })
    expect(problems.map(({ code, path }) => `${code} ${path}`).sort()).toEqual([
      'FOLDER_READ_ONLY d/x',
      'FOLDER_READ_ONLY f',
      'FOLDER_READ_ONLY g',
      'FOLDER_READ_ONLY h',
      'FOLDER_READ_ONLY i',
      'FOLDER_READ_ONLY new',
    ])
    expect(other.item('g')).toBeDefined()
  })
})

describe('a scan that is ended early', () => {
  it('deletes nothing, and the next one finds the rest', async () => {
    const device = folder()
    device.put('a', 'one')
    device.put('b', 'one')
    await device.scan()
    device.remove('a')
    device.put('c', 'one')
    expect(await device.scan('everything', { signal: AbortSignal.abort() })).toMatchObject({ changed: 0 })
    expect(await device.scan()).toMatchObject({ changed: 2 })
    await agrees(device)
  })
})

describe('after a crash', () => {
  it('what the log has and the items do not is found again and written no more', async () => {
    const device = folder()
    device.put('d/f', 'one')
    device.put('g', 'one')
    await device.scan()
    const before = device.replica.order.length
    device.items.remove(device.item('d')!.id)
    device.items.remove(device.item('g')!.id)
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.replica.order).toHaveLength(before)
    await agrees(device)
  })

  it('a version that was being put in place is no edit', async () => {
    const device = folder()
    device.put('f', 'one')
    await device.scan()
    device.put('f', 'two')
    await device.scan()
    const item = device.item('f')!
    const { parent, name, logName, nodes } = item
    const [first, second] = device.file('f').versions.map(({ entry }) => entry.hash)
    device.items.update(item.id, { version: second })
    device.items.addIntents([
      { parent, name, logName, nodes, version: first!, kind: 'file', temporaryName: first! },
    ])
    device.save('f', 'one')
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('f')).toMatchObject({ version: first, state: 'unsettled' })
  })

  it('what is left of a version that was being put in place is damage and no edit', async () => {
    const device = folder()
    device.put('f', 'one')
    device.put('g', 'one')
    await device.scan()
    const { parent, name, logName, nodes } = device.item('f')!
    const version = device.item('f')!.version!
    device.items.addIntents([{ parent, name, logName, nodes, version, kind: 'file', temporaryName: version }])
    device.items.remove(device.item('f')!.id)
    const { mtimeMs } = statSync(device.path('f'))
    writeFileSync(device.path('f'), '')
    utimesSync(device.path('f'), mtimeMs / 1000, mtimeMs / 1000)
    const report = await device.scan()
    const item = device.item('f')!
    expect(report).toMatchObject({ changed: 0, damaged: [item.id] })
    expect(item).toMatchObject({ nodes, version: undefined })
    expect(await device.scan()).toMatchObject({ changed: 0, damaged: [] })
  })

  it('what others moved, and this device has moved on the disk, is not moved once more', async () => {
    const device = folder()
    device.put('d/f', 'one')
    device.put('g', 'one')
    await device.scan()
    const other = member(device)
    other.do(intents.move(other.replica.view, ['d'], ['e']))
    other.do(intents.move(other.replica.view, ['g'], ['h']))
    device.hear(other)
    device.move('d', 'e')
    device.move('g', 'h')
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('d')).toBeUndefined()
    await agrees(device)
  })

  it('what stands at both of its places is what others moved', async () => {
    const device = folder()
    device.put('g', 'one')
    await device.scan()
    const { nodes } = device.item('g')!
    const other = member(device)
    other.do(intents.move(other.replica.view, ['g'], ['h']))
    device.hear(other)
    linkSync(device.path('g'), device.path('h'))
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('h')).toMatchObject({ nodes })
  })

  it('a directory that stands for less than the log shows there takes in nothing twice', async () => {
    const device = folder()
    device.mkdir('d')
    await device.scan()
    const other = member(device)
    device.put('d/f', 'one')
    await device.scan()
    const { nodes } = device.item('d')!
    const version = device.item('d/f')!.version!
    other.do(intents.makeDirectory(other.replica.view, ['x'], other.random))
    other.do(intents.putFile(other.replica.view, ['x', 'of others'], content(2), other.random))
    const [theirs] = other.replica.view.at(['x'])!.nodes
    other.write({ type: 'move', node: theirs!, parent: '0'.repeat(32), name: 'd' })
    device.hear(other)
    device.items.remove(device.item('d/f')!.id)
    device.items.update(device.item('d')!.id, { nodes: [theirs!] })
    expect(await device.scan()).toMatchObject({ changed: 0 })
    expect(device.item('d/f')).toMatchObject({ version })
    expect(device.replica.view.at(['d'])!.nodes).toHaveLength(nodes.length + 1)
  })
})

it('two directories of one parent that were both renamed, when only they are looked at', async () => {
  const device = folder()
  device.put('e/one', '1')
  device.put('f/two', '2')
  await device.scan()
  const both = new Set([device.item('e')!.id, device.item('f')!.id])
  device.move('e', 'a')
  device.move('f', 'e')
  await device.scan(both)
  expect(device.shown()).toEqual(device.onDisk())
  expect(device.lastOperations(2)).toEqual(['move', 'move'])
})

it('a file that has a number beside a directory is looked at when the directory goes', async () => {
  const device = folder()
  const other = member(device)
  device.mkdir('b')
  await device.scan()
  other.do(intents.putFile(other.replica.view, ['b'], content(2), other.random))
  device.hear(other)
  const [node] = device.file('b~2').nodes
  device.move('b', 'c')
  const { stale } = await device.scan()
  expect(device.shown().map((line) => line.split(' ')[0])).toEqual(['b', 'c/'])
  expect(stale).toContain(node)
})
