import { expect, test } from 'vitest'
import { meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { historyOf, versionNamed } from './file-history.ts'

test('all heads of an edit that nobody has joined are concurrent, and one of them is current', () => {
  const [one, two] = ReplicaDevice.folder(2)
  if (one === undefined || two === undefined) throw new Error('two devices')
  one.put('a', 1)
  meet(one, two)
  one.put('a', 2)
  two.put('a', 3)
  meet(one, two)

  const versions = historyOf(one.replica, ['a'])?.versions ?? []
  expect(versions.map(({ concurrent, current }) => [concurrent, current])).toEqual([
    [true, true],
    [true, false],
    [false, false],
  ])
  expect(historyOf(two.replica, ['a'])?.versions.map(({ version }) => version)).toEqual(
    versions.map(({ version }) => version),
  )

  one.put('a', 4)
  expect(historyOf(one.replica, ['a'])?.versions.filter(({ concurrent }) => concurrent)).toEqual([])
})

test('a deleted file keeps its history, below a deleted directory as well', () => {
  const [one] = ReplicaDevice.folder(1)
  if (one === undefined) throw new Error('a device')
  one.mkdir('d')
  one.put('d/a', 5)
  one.put('d/a', 6)
  one.trash('d')

  const history = historyOf(one.replica, ['d', 'a'])
  expect([history?.isDeleted, history?.versions.length]).toEqual([true, 2])
  expect(historyOf(one.replica, ['d'])).toBeUndefined()
  expect(historyOf(one.replica, ['never'])).toBeUndefined()
})

test('a version is named by the beginning of its hash, and by no other', () => {
  const [one] = ReplicaDevice.folder(1)
  if (one === undefined) throw new Error('a device')
  one.put('a', 7)
  const history = historyOf(one.replica, ['a'])
  if (history === undefined) throw new Error('a history')
  const [version] = history.versions
  const hash = version?.version ?? ''

  expect(versionNamed(history, hash.slice(0, 12).toUpperCase())).toBe(version)
  expect(() => versionNamed(history, `${hash.slice(0, 11)}x`)).toThrow('no version')
  expect(() => versionNamed(history, '')).toThrow('no version')
})
