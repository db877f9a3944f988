import { beforeEach, describe, expect, test } from 'vitest'
import { readText, saveByRename, treeOf, writeFile } from '../../../test/sync/support/disk-files.ts'
import { ModelFileSystem } from '../../../test/sync/support/model-file-system.ts'
import type { ModelOptions } from '../../../test/sync/support/model-file-system.ts'
import type { PutOutcome, Target } from '../work/job.ts'
import { fingerprintOf, samePrint } from './file-system.ts'
import { putInPlace } from './put-in-place.ts'

const temporary = '/.harp/tmp/version'
const path = '/folder/file'
const keepAt = '/.harp/kept/old'
let fs: ModelFileSystem

function begin(old: string | undefined, options: ModelOptions = {}): void {
  fs = new ModelFileSystem(options)
  for (const directory of ['/.harp', '/.harp/tmp', '/.harp/kept', '/folder']) fs.makeDirectory(directory)
  if (old !== undefined) writeFile(fs, path, old)
  writeFile(fs, temporary, 'new')
  fs.setTime(temporary, 1_000)
}

function targetNow(change: Partial<Target> = {}): Target {
  const there = fs.stat(path)
  return {
    path,
    expected: there === undefined ? 'nothing' : { print: fingerprintOf(there) },
    parentIno: fs.stat('/folder')!.ino,
    keepAt: undefined,
    mtimeMs: 1_000,
    exec: false,
    ...change,
  }
}

const put = (target: Target, isDurable = false): PutOutcome => putInPlace(fs, temporary, target, isDurable)
const leftovers = () => Object.keys(treeOf(fs, '/.harp')).filter((name) => /^\/(?:tmp|kept)\//.test(name))

describe('where nothing is', () => {
  beforeEach(() => begin(undefined))

  test('the file is put there and the temporary is gone', () => {
    const outcome = put(targetNow())
    expect(outcome).toEqual({ state: 'done', stat: fs.stat(path) })
    expect(readText(fs, path)).toBe('new')
    expect(leftovers()).toEqual([])
  })

  test('what came there meanwhile stays', () => {
    const target = targetNow()
    writeFile(fs, path, 'of the user')
    expect(put(target)).toEqual({ state: 'target-changed' })
    expect(readText(fs, path)).toBe('of the user')
    expect(leftovers()).toEqual(['/tmp/version'])
  })

  test('a symlink is put there as one', () => {
    fs.unlink(temporary)
    fs.makeSymlink('elsewhere', temporary)
    expect(put(targetNow()).state).toBe('done')
    expect(treeOf(fs, '/folder')).toEqual({ '/file': 'link → elsewhere' })
    expect(leftovers()).toEqual([])
  })

  test('without second names as well', () => {
    begin(undefined, { hasLinks: false })
    expect(put(targetNow()).state).toBe('done')
    expect(readText(fs, path)).toBe('new')
    expect(leftovers()).toEqual([])
  })
})

describe('in place of something', () => {
  beforeEach(() => begin('old'))

  test('what was there is dropped', () => {
    expect(put(targetNow())).toEqual({ state: 'done', stat: fs.stat(path) })
    expect(readText(fs, path)).toBe('new')
    expect(leftovers()).toEqual([])
  })

  test('or kept, without copying it', () => {
    const { ino } = fs.stat(path)!
    expect(put(targetNow({ keepAt })).state).toBe('done')
    expect(readText(fs, path)).toBe('new')
    expect(readText(fs, keepAt)).toBe('old')
    expect(fs.stat(keepAt)?.ino).toBe(ino)
    expect(leftovers()).toEqual(['/kept/old'])
  })

  test('or copied where there are no second names', () => {
    begin('old', { hasLinks: false })
    expect(put(targetNow({ keepAt }), true).state).toBe('done')
    expect(readText(fs, path)).toBe('new')
    expect(leftovers()).toEqual(['/kept/old'])
    expect(readText(fs, keepAt)).toBe('old')
    begin('old', { hasLinks: false })
    expect(put(targetNow()).state).toBe('done')
    expect(leftovers()).toEqual([])
  })

  test('what is kept under that name already stays, unless it cannot be the same', () => {
    writeFile(fs, keepAt, 'OLD')
    expect(put(targetNow({ keepAt })).state).toBe('done')
    expect(readText(fs, keepAt)).toBe('OLD')
    expect(leftovers()).toEqual(['/kept/old'])

    begin('old')
    writeFile(fs, keepAt, 'torn by a crash')
    expect(put(targetNow({ keepAt })).state).toBe('done')
    expect(readText(fs, keepAt)).toBe('old')
  })

  test('what an interrupted attempt left behind does not disturb', () => {
    fs.link(path, keepAt)
    fs.link(path, `${temporary}.old`)
    expect(put(targetNow({ keepAt })).state).toBe('done')
    expect(readText(fs, keepAt)).toBe('old')
    writeFile(fs, temporary, 'newer')
    expect(put(targetNow()).state).toBe('done')
    expect(readText(fs, path)).toBe('newer')
  })

  const changes: [string, () => void][] = [
    ['saved', () => writeFile(fs, path, 'edited')],
    ['replaced', () => saveByRename(fs, path, 'edited')],
    ['removed', () => fs.unlink(path)],
    ['touched', () => fs.setTime(path, 5)],
    ['made executable', () => fs.setExec(path, true)],
    ['made a symlink', () => (fs.unlink(path), fs.makeSymlink('file2', path))],
    ['made a directory', () => (fs.unlink(path), fs.makeDirectory(path))],
  ]
  test.each(changes)('nothing is done if it was %s', (_, change) => {
    const target = targetNow({ keepAt })
    change()
    const before = treeOf(fs, '')
    expect(put(target)).toEqual({ state: 'target-changed' })
    expect(treeOf(fs, '')).toEqual(before)
  })

  test('nor if its directory is another one now, or a symlink', () => {
    const target = targetNow()
    fs.rename('/folder', '/elsewhere')
    fs.makeDirectory('/folder')
    writeFile(fs, path, 'old')
    expect(put(target)).toEqual({ state: 'target-changed' })
    fs.unlink(path)
    fs.removeDirectory('/folder')
    fs.makeSymlink('/elsewhere', '/folder')
    expect(put(target)).toEqual({ state: 'target-changed' })
    expect(readText(fs, '/elsewhere/file')).toBe('old')
    fs.unlink('/folder')
    expect(put(target)).toEqual({ state: 'target-changed' })
  })

  test('a directory is never replaced, though its print is expected', () => {
    fs.unlink(path)
    fs.makeDirectory(path)
    expect(put(targetNow({ keepAt }))).toEqual({ state: 'target-changed' })
  })
})

/** How many calls a put makes, and what each is: so that something can be done before every one. */
function callsOf(target: Target): string[] {
  const calls: string[] = []
  fs.onCall = (call) => void calls.push(call)
  put(target)
  fs.onCall = undefined
  return calls
}

function putWith(target: Target, beforeCall: number, act: () => void): PutOutcome {
  let call = 0
  fs.onCall = () => {
    if (call++ === beforeCall) act()
  }
  const outcome = put(target)
  fs.onCall = undefined
  return outcome
}

/** Whether a scan afterwards finds that the path is not what was put there: or it is scanned because of the outcome. */
function isSeenByScan(outcome: PutOutcome): boolean {
  if (outcome.state !== 'done') return outcome.state === 'target-changed' && outcome.rescued === undefined
  const now = fs.stat(path)
  return now === undefined || !samePrint(now, outcome.stat)
}

describe('a user who acts at any moment', () => {
  const kept: [string, string | undefined][] = [
    ['kept', keepAt],
    ['dropped', undefined],
  ]

  test.each(kept)('a save into the file is never lost when the old is %s', (_, keep) => {
    begin('old')
    const calls = callsOf(targetNow({ keepAt: keep }))
    for (let moment = 0; moment < calls.length; moment++) {
      begin('old')
      const target = targetNow({ keepAt: keep })
      const outcome = putWith(target, moment, () => writeFile(fs, path, 'edited'))
      expect(readText(fs, path), `before call ${moment}`).toBe('edited')
      expect(isSeenByScan(outcome)).toBe(true)
      expect(leftovers().filter((name) => name !== '/tmp/version' && name !== '/kept/old')).toEqual([])
    }
  })

  test.each(kept)('a file that is open is never lost up to the rename when the old is %s', (_, keep) => {
    begin('old')
    const calls = callsOf(targetNow({ keepAt: keep }))
    const rename = calls.findIndex((call) => call.startsWith('rename'))
    for (let moment = 0; moment <= rename + 1; moment++) {
      begin('old')
      const target = targetNow({ keepAt: keep })
      const open = fs.open(path, 'update')
      const outcome = putWith(target, moment, () => fs.write(open, new TextEncoder().encode('edited'), 0))
      expect(outcome, `before call ${moment}`).toEqual({ state: 'target-changed' })
      expect(readText(fs, path)).toBe('edited')
      expect(readText(fs, temporary)).toBe('new')
      expect(leftovers()).toEqual(['/tmp/version'])
    }
  })

  test.each(kept)('a save by renaming is lost in one gap only when the old is %s', (_, keep) => {
    begin('old')
    const calls = callsOf(targetNow({ keepAt: keep }))
    const lost: string[] = []
    for (let moment = 0; moment < calls.length; moment++) {
      begin('old')
      const target = targetNow({ keepAt: keep })
      const outcome = putWith(target, moment, () => saveByRename(fs, path, 'edited'))
      if (readText(fs, path) !== 'edited') lost.push(calls[moment]!)
      expect(readText(fs, path) === 'new' || isSeenByScan(outcome)).toBe(true)
    }
    expect(lost).toEqual([`rename ${temporary} to`])
  })

  test('a file that appears where nothing was is never lost', () => {
    begin(undefined)
    const calls = callsOf(targetNow())
    for (let moment = 0; moment < calls.length; moment++) {
      begin(undefined)
      const outcome = putWith(targetNow(), moment, () => saveByRename(fs, path, 'edited'))
      expect(readText(fs, path), `before call ${moment}`).toBe('edited')
      expect(isSeenByScan(outcome)).toBe(true)
    }
  })

  test('a deletion after the rename is seen by the next scan', () => {
    begin('old')
    const last = callsOf(targetNow()).length - 1
    begin('old')
    const outcome = putWith(targetNow(), last, () => fs.unlink(path))
    expect(outcome.state).toBe('done')
    expect(fs.stat(path)).toBeUndefined()
  })

  test('two saves around the rename: the later stands, the earlier is where the result says', () => {
    begin('old')
    const target = targetNow({ keepAt })
    const open = fs.open(path, 'update')
    let isRenamed = false
    fs.onCall = (call, at) => {
      if (call.startsWith('rename')) isRenamed = true
      else if (isRenamed && call === 'stat' && at === keepAt) {
        fs.write(open, new TextEncoder().encode('first'), 0)
        writeFile(fs, path, 'second')
      }
    }
    const outcome = put(target)
    expect(outcome).toEqual({ state: 'target-changed', rescued: `${keepAt}.edited` })
    expect(readText(fs, path)).toBe('second')
    expect(readText(fs, `${keepAt}.edited`)).toBe('first')
  })
})

test('a fault at any call leaves old or new, and never less than was kept', () => {
  for (const [old, keep] of [
    ['old', keepAt],
    ['old', undefined],
    [undefined, undefined],
  ]) {
    begin(old)
    const calls = callsOf(targetNow({ keepAt: keep }))
    for (let call = 0; call < calls.length; call++) {
      begin(old)
      const target = targetNow({ keepAt: keep })
      fs.failAfter(call, 'EIO')
      const outcome = put(target)
      fs.kill()
      const now = readText(fs, path)
      const isNew = now === 'new'
      expect([old, 'new']).toContain(now)
      expect(isNew || outcome.state).toBe(isNew || 'failed')
      expect(isNew ? readText(fs, keepAt) : leftovers()).toEqual(isNew ? keep && old : ['/tmp/version'])
    }
  }
})
