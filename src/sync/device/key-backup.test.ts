import { expect, test } from 'vitest'
import { openBackup, sealBackup, type BackedUpKeys } from './key-backup.ts'

const keys: BackedUpKeys = {
  device: { name: 'laptop', signingSeed: '5a'.repeat(32), agreementSecret: '6b'.repeat(32) },
  folders: [
    { folder: 'ab'.repeat(32), name: 'Music', keys: [{ epoch: 'cd'.repeat(16), key: 'ef'.repeat(32) }] },
  ],
}
const cheap = 2 ** 10
const sealed = sealBackup(keys, 'correct horse', cheap)
const code = (text: string) => expect.objectContaining({ code: text })

test('the passphrase opens it, and nothing of the keys or names is readable in it', () => {
  expect(openBackup(sealed, 'correct horse')).toEqual(keys)
  for (const secret of ['5a5a', '6b6b', 'efef', 'Music', 'laptop']) expect(sealed).not.toContain(secret)
})

test('by default it costs what the specification says', () => {
  const usual = sealBackup(keys, 'correct horse')

  expect(JSON.parse(usual)).toMatchObject({ kdf: 'scrypt', n: 131_072, r: 8, p: 1, cipher: 'aes-256-gcm' })
  expect(openBackup(usual, 'correct horse')).toEqual(keys)
})

test('one passphrase in two ways of writing it is one', () => {
  expect(openBackup(sealBackup(keys, 'Cafe\u0301 au lait', cheap), 'Café au lait')).toEqual(keys)
})

test.each(['', 'correct hors', 'Correct horse'])('the passphrase %j does not open it', (passphrase) => {
  expect(() => openBackup(sealed, passphrase)).toThrow(code('SYNC_BACKUP_PASSPHRASE'))
})

test('two backups of one device have nothing in common that tells the keys', () => {
  expect(JSON.parse(sealed).data).not.toBe(JSON.parse(sealBackup(keys, 'correct horse', cheap)).data)
})

test.each([
  ['n', 2048],
  ['salt', '00'.repeat(32)],
  ['nonce', '00'.repeat(12)],
  ['tag', '00'.repeat(16)],
  ['data', 'AAAA'],
])('a changed %s is noticed', (field, value) => {
  const changed = JSON.stringify({ ...JSON.parse(sealed), [field]: value })

  expect(() => openBackup(changed, 'correct horse')).toThrow(code('SYNC_BACKUP_PASSPHRASE'))
})

test.each([
  ['', ''],
  ['text', 'hello'],
  ['of another version', JSON.stringify({ ...JSON.parse(sealed), version: 2 })],
  ['that would cost all memory', JSON.stringify({ ...JSON.parse(sealed), n: 2 ** 40 })],
  ['with a cost that is no power of two', JSON.stringify({ ...JSON.parse(sealed), n: 5_000 })],
])('a file %s is refused without a guess', (_, text) => {
  expect(() => openBackup(text, 'correct horse')).toThrow(code('SYNC_BACKUP_FORMAT'))
})
