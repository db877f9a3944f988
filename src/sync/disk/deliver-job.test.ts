import { beforeEach, expect, test } from 'vitest'
import { namesIn, readText, treeOf, writeFile } from '../../../test/sync/support/disk-files.ts'
import { ModelFileSystem } from '../../../test/sync/support/model-file-system.ts'
import { sealContent, testKeys } from '../../../test/sync/support/sealed-content.ts'
import type { SealedContent } from '../../../test/sync/support/sealed-content.ts'
import type { DeliveredFile, Target } from '../work/job.ts'
import { runDeliver } from './deliver-job.ts'
import { fingerprintOf } from './file-system.ts'
import { runFinish } from './finish-job.ts'
import { runSettle } from './settle-job.ts'

const mtimeMs = 1_600_000_000_123.5
let fs: ModelFileSystem
beforeEach(() => {
  fs = new ModelFileSystem()
  fs.makeDirectory('/tmp')
  fs.makeDirectory('/folder')
})

function targetOf(path: string, change: Partial<Target> = {}): Target {
  const there = fs.stat(path)
  return {
    path,
    expected: there === undefined ? 'nothing' : { print: fingerprintOf(there) },
    parentIno: fs.stat('/folder')!.ino,
    keepAt: undefined,
    mtimeMs,
    exec: false,
    ...change,
  }
}

type FileBytes = Extract<DeliveredFile['content'], { type: 'file' }>
function fileOf(path: string, content: SealedContent, change: Partial<FileBytes> = {}): DeliveredFile {
  const { rows, sealed, bytes, hash } = content
  const sources = sealed.map(() => undefined)
  return {
    temporary: `/tmp/${path.slice(1).replace('/', '-')}`,
    target: targetOf(path),
    content: { type: 'file', rows, sealed, sources, size: bytes.length, hash, ...change },
  }
}
const deliver = (...files: DeliveredFile[]) => runDeliver(fs, { keys: testKeys, files }).files

test('many files in one job: each has its content, time and execute bit', () => {
  const program = fileOf('/folder/program', sealContent('#!'))
  const results = deliver(
    fileOf('/folder/empty', sealContent('')),
    fileOf('/folder/small', sealContent('small')),
    fileOf('/folder/chunks', sealContent('several chunks', 4)),
    { ...program, target: { ...program.target, exec: true } },
    {
      temporary: '/tmp/link',
      target: targetOf('/folder/link'),
      content: { type: 'symlink', target: 'small' },
    },
  )
  expect(results.map(({ state }) => state)).toEqual(Array(5).fill('done'))
  expect(treeOf(fs, '/folder')).toEqual({
    '/chunks': 'several chunks',
    '/empty': '',
    '/link': 'link → small',
    '/program': '#!',
    '/small': 'small',
  })
  for (const [index, name] of ['empty', 'small', 'chunks', 'program', 'link'].entries()) {
    expect(results[index]).toEqual({ state: 'done', stat: fs.stat(`/folder/${name}`) })
    expect(fs.stat(`/folder/${name}`)).toMatchObject({ mtimeMs, exec: name === 'program' || name === 'link' })
  }
  expect(namesIn(fs, '/tmp')).toEqual([])
})

test('chunks that are here already are taken from where they are', () => {
  const content = sealContent('from three places', 6)
  writeFile(fs, '/pack', content.sealed[1]!)
  writeFile(fs, '/old', 'xfrom t')
  const [first] = content.sealed
  const file = fileOf('/folder/file', content, {
    sealed: [undefined, undefined, content.sealed[2]],
    sources: [
      { in: 'file', path: '/old', offset: 1, length: 6, key: content.rows.keys.slice(0, 32) },
      { in: 'pack', path: '/pack', offset: 0, sealedLength: content.sealed[1]!.length },
      undefined,
    ],
  })
  expect(first).toBeDefined()
  expect(deliver(file)[0]?.state).toBe('done')
  expect(readText(fs, '/folder/file')).toBe('from three places')

  fs.unlink('/old')
  expect(deliver({ ...file, target: targetOf('/folder/other') })).toEqual([
    { state: 'wrong-content', badRows: [], missingRows: [0] },
  ])
})

test('what came from others is named if it is bad, and nothing is done', () => {
  const content = sealContent('two chunks', 5)
  const bent = content.sealed[1]!.slice()
  bent[0]! ^= 1
  const [bad, gap, lie] = deliver(
    fileOf('/folder/bad', content, { sealed: [content.sealed[0], bent] }),
    fileOf('/folder/gap', content, { sealed: [content.sealed[0], undefined] }),
    fileOf('/folder/lie', content, { hash: sealContent('two chunkS').hash }),
  )
  expect(bad).toEqual({ state: 'wrong-content', badRows: [1], missingRows: [] })
  expect(gap).toEqual({ state: 'wrong-content', badRows: [], missingRows: [1] })
  expect(lie).toEqual({ state: 'wrong-content' })
  const wrong = { ...content, rows: { ...content.rows, keys: content.rows.keys.map((byte) => byte ^ 1) } }
  expect(deliver(fileOf('/folder/wrong', wrong))).toEqual([{ state: 'wrong-content' }])
  expect(treeOf(fs, '')).toEqual({ '/folder': 'dir', '/tmp': 'dir' })
})

test('one that fails leaves its target, no temporary, and the others alone', () => {
  writeFile(fs, '/folder/changed', 'old')
  const changed = fileOf('/folder/changed', sealContent('new'))
  writeFile(fs, '/folder/changed', 'edited')
  const moved = fileOf('/folder/moved', sealContent('new'))
  const results = deliver(
    changed,
    { ...moved, target: { ...moved.target, parentIno: 1 } },
    fileOf('/folder/good', sealContent('good')),
  )
  expect(results.map(({ state }) => state)).toEqual(['target-changed', 'target-changed', 'done'])
  fs.room = 2
  expect(deliver(fileOf('/folder/large', sealContent('large')))[0]).toMatchObject({
    state: 'failed',
    fault: { code: 'ENOSPC' },
  })
  fs.denied.add('/folder')
  fs.room = 100
  expect(deliver({ ...changed, temporary: '/tmp/denied' })[0]).toMatchObject({
    state: 'failed',
    fault: { code: 'EACCES' },
  })
  fs.kill()
  expect(treeOf(fs, '')).toEqual({
    '/folder': 'dir',
    '/folder/changed': 'edited',
    '/folder/good': 'good',
    '/tmp': 'dir',
  })
})

test('a symlink takes the place of a file, and a file that of a symlink', () => {
  writeFile(fs, '/folder/one', 'file')
  fs.makeSymlink('one', '/folder/two')
  const results = deliver(
    { temporary: '/tmp/1', target: targetOf('/folder/one'), content: { type: 'symlink', target: 'x' } },
    fileOf('/folder/two', sealContent('file')),
  )
  expect(results.map(({ state }) => state)).toEqual(['done', 'done'])
  expect(treeOf(fs, '/folder')).toEqual({ '/one': 'link → x', '/two': 'file' })
  expect(namesIn(fs, '/tmp')).toEqual([])
})

test('what an earlier run left at the temporary place is replaced, never followed', () => {
  writeFile(fs, '/victim', 'mine')
  const file = fileOf('/folder/file', sealContent('new'))
  fs.makeSymlink('/victim', file.temporary)
  expect(deliver(file)[0]?.state).toBe('done')
  const second = fileOf('/folder/second', sealContent('new'))
  fs.link('/folder/file', second.temporary)
  expect(deliver(second)[0]?.state).toBe('done')
  expect(readText(fs, '/victim')).toBe('mine')
  expect(readText(fs, '/folder/file')).toBe('new')
})

test('finishing checks what is put in place', () => {
  const { hash } = sealContent('whole')
  const finish = (size: number, expected: string | undefined) =>
    runFinish(fs, {
      temporary: '/tmp/version',
      size,
      hash: expected,
      target: targetOf('/folder/file', { exec: true }),
      isDurable: true,
    })
  expect(finish(5, hash)).toMatchObject({ state: 'failed', fault: { code: 'ENOENT' } })
  writeFile(fs, '/tmp/version', 'whole')
  expect(finish(4, undefined)).toEqual({ state: 'wrong-content' })
  expect(finish(5, sealContent('other').hash)).toEqual({ state: 'wrong-content' })
  fs.link('/tmp/version', '/second')
  expect(finish(5, hash)).toEqual({ state: 'wrong-content' })
  fs.unlink('/second')
  expect(finish(5, hash)).toEqual({ state: 'done', stat: fs.stat('/folder/file') })
  expect(fs.stat('/folder/file')).toMatchObject({ mtimeMs, exec: true, size: 5, links: 1 })
  expect(namesIn(fs, '/tmp')).toEqual([])
})

test('settling skips what is gone, and tells the first fault of the others', () => {
  writeFile(fs, '/folder/file', 'x')
  fs.makeSymlink('file', '/folder/link')
  const job = { files: ['/folder/none', '/folder/link', '/folder/file'], directories: ['/none', '/folder'] }
  expect(runSettle(fs, job)).toEqual({ fault: undefined })
  fs.denied.add('/folder/file')
  expect(runSettle(fs, job)).toMatchObject({ fault: { code: 'EACCES' } })
})
