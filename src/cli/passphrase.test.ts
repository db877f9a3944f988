import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPassphrase } from './passphrase.ts'

const code = (text: string) => expect.objectContaining({ code: text })
const answers = (...given: string[]) => {
  return async () => given.shift() ?? ''
}
const nothing = { file: undefined, environment: undefined, ask: undefined }

test('a file goes before the environment, and that before a question', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'harp-passphrase-'))
  const file = join(directory, 'p')
  writeFileSync(file, 'from the file\r\nmore')
  const ask = answers('from a person', 'from a person')

  expect(await readPassphrase({ file, environment: 'from there', ask }, 'new')).toBe('from the file')
  expect(await readPassphrase({ ...nothing, environment: 'from there', ask }, 'new')).toBe('from there')
  expect(await readPassphrase({ ...nothing, ask }, 'new')).toBe('from a person')
  rmSync(directory, { recursive: true })
})

test('a new one is asked for twice and must be long enough; a known one is taken as it is', async () => {
  await expect(readPassphrase({ ...nothing, ask: answers('one of them', 'other') }, 'new')).rejects.toThrow(
    code('SYNC_USAGE'),
  )
  await expect(readPassphrase({ ...nothing, environment: '7 chars' }, 'new')).rejects.toThrow(
    code('SYNC_USAGE'),
  )
  expect(await readPassphrase({ ...nothing, ask: answers('short') }, 'known')).toBe('short')
})

test('where nobody can be asked it says what to give', async () => {
  await expect(readPassphrase(nothing, 'known')).rejects.toThrow(
    expect.objectContaining({ code: 'SYNC_USAGE', fix: expect.stringContaining('--passphrase-file') }),
  )
})
