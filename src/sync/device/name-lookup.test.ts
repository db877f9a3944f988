import { expect, test } from 'vitest'
import { nodeSuite } from '../crypto/node-suite.ts'
import { deviceText } from '../format/device-text.ts'
import { findDevice, findFolder } from './name-lookup.ts'

const code = (text: string) => expect.objectContaining({ code: text })
const folders = [
  { id: 'abcd'.padEnd(64, '0'), name: 'Music', path: '/home/ann/Music' },
  { id: 'abce'.padEnd(64, '1'), name: 'Photos', path: '/home/ann/Photos' },
  { id: 'ffff'.padEnd(64, '2'), name: 'abcd', path: '/home/ann/abcd' },
  { id: '1234'.padEnd(64, '3'), name: 'Twin', path: '/a' },
  { id: '1234'.padEnd(64, '4'), name: 'Twin', path: '/b' },
]

test.each([
  ['Music', 'Music'],
  ['abce', 'Photos'],
  ['ABCE1', 'Photos'],
  ['/home/ann/Photos', 'Photos'],
  // A name goes before the beginning of an id.
  ['abcd', 'abcd'],
  ['abcd0', 'Music'],
])('%s is the folder %s', (text, name) => expect(findFolder(folders, text).name).toBe(name))

test.each([
  ['music', 'SYNC_FOLDER_UNKNOWN'],
  ['abc', 'SYNC_FOLDER_UNKNOWN'],
  ['', 'SYNC_FOLDER_UNKNOWN'],
  ['1234', 'SYNC_AMBIGUOUS'],
  ['Twin', 'SYNC_AMBIGUOUS'],
])('%j is no one folder', (text, expected) => expect(() => findFolder(folders, text)).toThrow(code(expected)))

test('a device is found by name and by the beginning of its id in both forms', () => {
  const id = '0f'.repeat(32)
  const devices = [
    { id, name: 'nas' },
    { id: 'aa'.repeat(32), name: 'phone' },
  ]
  const text = deviceText(nodeSuite, id)

  for (const each of ['nas', '0f0f', id, text, text.toLowerCase(), text.slice(0, 9)]) {
    expect(findDevice(nodeSuite, devices, each).name).toBe('nas')
  }
  expect(() => findDevice(nodeSuite, devices, 'NAS')).toThrow(code('SYNC_DEVICE_UNKNOWN'))
})
