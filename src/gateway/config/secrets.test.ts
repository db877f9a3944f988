import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import type { ConfigFiles } from './config.ts'
import { formatProblems } from './describe-config.ts'
import { readSharedKey } from './secrets.ts'
import { SettingsReader } from './settings-reader.ts'

const long = 'a-key-of-more-than-16-characters'

function read(
  env: Record<string, string>,
  readFile: ConfigFiles['readFile'] = () => undefined,
): { readonly key: string | undefined; readonly lines: readonly string[] } {
  const reader = new SettingsReader(env)
  const key = readSharedKey(reader, { readFile, exists: () => false })
  return { key: key?.reveal(), lines: formatProblems(reader.problems) }
}

test.each([
  [long, long],
  [`"${long}"`, long],
  [`'${long}'`, long],
  [`"'${long}'"`, long],
  [`"${long}`, long],
  [`${long}'`, long],
  [`it's ${long}`, `it's ${long}`],
  [`''${long}''`, `'${long}'`],
])('the key %s is %s (row 151)', (given, effective) => {
  expect(read({ HP_SHARED_KEY: given })).toEqual({ key: effective, lines: [] })
})

test.each([
  ['neither variable', {}, /neither is HP_SHARED_KEY_FILE/],
  [
    'both variables',
    { HP_SHARED_KEY: long, HP_SHARED_KEY_FILE: '/key' },
    /only one of them may be specified/,
  ],
  ['an umlaut', { HP_SHARED_KEY: `${long}ü` }, /non-ASCII/],
  ['a tab', { HP_SHARED_KEY: `${long}\tx` }, /non-ASCII characters or control/],
  ['a newline', { HP_SHARED_KEY: `${long}\n` }, /non-ASCII characters or control/],
  ['a quote inside', { HP_SHARED_KEY: 'ab"cd' }, /forbidden character/],
  ['two leading quotes', { HP_SHARED_KEY: `""${long}` }, /forbidden character/],
  ['a backslash inside', { HP_SHARED_KEY: 'ab\\cd' }, /forbidden character/],
  ['nothing but quotes', { HP_SHARED_KEY: `"''"` }, /is empty once quotes/],
  ['nothing but blanks', { HP_SHARED_KEY: '   ' }, /is empty once quotes/],
  [
    'a file that does not exist',
    { HP_SHARED_KEY_FILE: '/missing' },
    /"\/missing" names a file that does not exist/,
  ],
])('%s stops the start (row 150)', (_what, env, message) => {
  const { key, lines } = read(env)

  expect(key).toBeUndefined()
  expect(lines).toEqual([expect.stringMatching(/^ERROR: HP_SHARED_KEY/)])
  expect(lines[0]).toMatch(message)
  expect(lines[0]).not.toContain(long)
})

test.each([
  ['', /is empty/],
  ['\n\n', /nothing but newlines/],
  [`${long}\r\n`, /non-ASCII characters or control/],
  [`${long}\nsecond`, /non-ASCII characters or control/],
  ['ab"cd', /forbidden character/],
])('a key file with %j stops the start', (content, message) => {
  const { key, lines } = read({ HP_SHARED_KEY_FILE: '/key' }, () => content)

  expect(key).toBeUndefined()
  expect(lines).toEqual([expect.stringMatching(/^ERROR: HP_SHARED_KEY_FILE/)])
  expect(lines[0]).toMatch(message)
  expect(lines[0]).not.toContain(long)
})

test('a key file gives its content without trailing newlines', () => {
  const paths: string[] = []
  const readFile = (path: string): string => {
    paths.push(path)
    return `"${long}"\n\n`
  }

  expect(read({ HP_SHARED_KEY_FILE: '/run/secrets/key', HP_SHARED_KEY: '' }, readFile)).toEqual({
    key: long,
    lines: [],
  })
  expect(paths).toEqual(['/run/secrets/key'])
})

test('a key file that cannot be read says why', () => {
  const { key, lines } = read({ HP_SHARED_KEY_FILE: '/key' }, () => {
    throw Object.assign(new Error('no'), { code: 'EACCES' })
  })

  expect(key).toBeUndefined()
  expect(lines).toEqual([expect.stringContaining('cannot be read (EACCES)')])
})

test('a key that was put into HP_SHARED_KEY_FILE by mistake is not shown', () => {
  const { lines } = read({ HP_SHARED_KEY_FILE: long })

  expect(lines).toHaveLength(1)
  expect(lines.join()).not.toContain(long)
})

test.each([
  ['fifteen-chars-x', 1, /shorter than 16/],
  ['sixteen-chars-xx', 0, /./],
  [` ${long}`, 1, /blank/],
])('the key %j starts with %d warnings', (given, count, message) => {
  const { key, lines } = read({ HP_SHARED_KEY: given })

  expect(key).toBe(given)
  expect(lines).toHaveLength(count)
  for (const line of lines) {
    expect(line).toMatch(/^WARNING: /)
    expect(line).toMatch(message)
    expect(line).not.toContain(given.trim())
  }
})

test('the key does not show when the configuration is printed', () => {
  const key = readSharedKey(new SettingsReader({ HP_SHARED_KEY: long }), {
    readFile: () => undefined,
    exists: () => false,
  })

  expect(`${String(key)}${JSON.stringify({ key })}${inspect({ key })}`).not.toContain(long)
})
