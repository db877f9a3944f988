import { expect, test } from 'vitest'
import { needsAccounts, ownerOf } from './image-user.ts'

const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:33:App:/home/app:/bin/sh\nbroken\n'
const group = 'root:x:0:\nwww-data:x:33:\nstaff:x:50:app\n'

test.each([
  ['', { uid: 0, gid: 0 }],
  ['root', { uid: 0, gid: 0 }],
  ['app', { uid: 1000, gid: 33 }],
  ['1000', { uid: 1000, gid: 33 }],
  ['app:staff', { uid: 1000, gid: 50 }],
  ['app:7', { uid: 1000, gid: 7 }],
  ['1000:staff', { uid: 1000, gid: 50 }],
  ['65534', { uid: 65_534, gid: 0 }],
  ['65534:65533', { uid: 65_534, gid: 65_533 }],
  ['app:', { uid: 1000, gid: 33 }],
  ['nobody', null],
  ['app:nogroup', null],
  ['broken', null],
  ['-1', null],
])('an image with USER %j runs as %j', (user, owner) => {
  expect(ownerOf(user, passwd, group)).toEqual(owner)
})

test('account files are needed for names, and for the group of a bare number', () => {
  expect(['', '0:0', '1000:1000'].some(needsAccounts)).toBe(false)
  expect(['app', '1000', 'app:1'].every(needsAccounts)).toBe(true)
})
