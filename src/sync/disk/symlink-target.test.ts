import { expect, test } from 'vitest'
import { staysInside } from './symlink-target.ts'

const inside: [path: string, target: string][] = [
  ['link', 'file'],
  ['link', './a/b'],
  ['link', 'a//b/'],
  ['a/link', '../file'],
  ['a/b/link', '../../c'],
  ['a/b/link', '.././../c/d'],
  ['a/link', '..'],
  ['link', '.'],
  ['link', '..file'],
  ['link', 'harp'],
  ['link', 'C:\\file'],
]
test.each(inside)('%s → %s stays inside', (path, target) => {
  expect(staysInside(path, target)).toBe(true)
})

const outside: [path: string, target: string][] = [
  ['link', ''],
  ['link', '/etc/passwd'],
  ['link', '..'],
  ['link', '../folder/file'],
  ['a/link', '../../etc'],
  ['a//./link', '../../etc'],
  // Through another symlink: `a → .` is inside, `a/..` behind it is not.
  ['link', 'a/..'],
  ['a/link', 'b/../../x'],
  ['link', 'a\0b'],
  ['link', '.harp/kept'],
  ['a/link', '../.harp'],
  ['link', '.HARP'],
  ['link', 'a/.harp/tmp'],
]
test.each(outside)('%s → %s does not', (path, target) => {
  expect(staysInside(path, target)).toBe(false)
})
