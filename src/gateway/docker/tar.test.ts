import { execFileSync } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isCommandInstalled, realPart } from '../../../test/support/real-parts.ts'
import { readTar, writeTar, type TarFile } from './tar.ts'

const withTar = realPart('GNU tar', () => isCommandInstalled('tar'))

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-tar-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const files: readonly TarFile[] = [
  { path: 'certs/frp', kind: 'directory', mode: 0o755, owner: { uid: 1000, gid: 33 } },
  {
    path: 'certs/frp/client.key',
    kind: 'file',
    content: 'secret',
    mode: 0o600,
    owner: { uid: 1000, gid: 33 },
  },
  { path: 'full', kind: 'file', content: 'x'.repeat(1024), mode: 0o644 },
  { path: 'empty', kind: 'file', content: '', mode: 0o644 },
  { path: 'link', kind: 'link', target: 'certs/frp', mode: 0o777 },
]
const now = Date.UTC(2026, 0, 2, 3, 4, 5)

function tar(args: readonly string[], input?: Buffer): string {
  return execFileSync('tar', args, {
    cwd: directory,
    input,
    env: { TZ: 'UTC', PATH: '/usr/bin:/bin' },
  }).toString()
}

withTar('the system’s tar sees names, modes, owners, times and links', () => {
  const archive = writeTar(files, now)

  const listed = tar(['--numeric-owner', '--full-time', '-tvf', '-'], archive).trim().split('\n')
  tar(['-xf', '-', '--no-same-owner'], archive)

  expect(listed.map((line) => line.replace(/ +/g, ' '))).toEqual([
    'drwxr-xr-x 1000/33 0 2026-01-02 03:04:05 certs/frp/',
    '-rw------- 1000/33 6 2026-01-02 03:04:05 certs/frp/client.key',
    '-rw-r--r-- 0/0 1024 2026-01-02 03:04:05 full',
    '-rw-r--r-- 0/0 0 2026-01-02 03:04:05 empty',
    'lrwxrwxrwx 0/0 0 2026-01-02 03:04:05 link -> certs/frp',
  ])
  expect(statSync(join(directory, 'certs/frp/client.key')).mode & 0o777).toBe(0o600)
  expect(readlinkSync(join(directory, 'link'))).toBe('certs/frp')
  expect(readFileSync(join(directory, 'full'), 'utf8')).toBe('x'.repeat(1024))
  expect(readdirSync(directory).toSorted()).toEqual(['certs', 'empty', 'full', 'link'])
})

test('what was written reads back', () => {
  expect(readTar(writeTar(files, now))).toEqual(
    files.map(({ path, kind, content = '', target = '' }) => ({
      path,
      kind,
      target,
      content: Buffer.from(content),
    })),
  )
})

for (const format of ['posix', 'gnu']) {
  withTar(`long names and links as ${format} writes them are read`, () => {
    const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`
    writeFileSync(join(directory, 'a'), 'content')
    execFileSync('ln', ['-s', long, join(directory, 'b')])
    tar(['-cf', 'long.tar', `--format=${format}`, `--transform=s|^a$|${long}|`, 'a', 'b'])

    expect(readTar(readFileSync(join(directory, 'long.tar')))).toEqual([
      { path: long, kind: 'file', target: '', content: Buffer.from('content') },
      { path: 'b', kind: 'link', target: long, content: Buffer.alloc(0) },
    ])
  })
}

test('a cut or damaged archive is null', () => {
  const archive = writeTar(files, now)
  const damaged = Buffer.from(archive)
  damaged[0] = 0x41

  expect(readTar(damaged)).toBeNull()
  expect(readTar(Buffer.from('{"message":"no"}'))).toBeNull()
  expect(readTar(archive.subarray(0, 512 + 512 + 3))).toBeNull()
})

test('any bytes give entries or null', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.nat(2_000), (bytes, at) => {
      const archive = writeTar(files, now)
      archive.set(bytes.subarray(0, archive.length - at), at)

      const entries = readTar(archive)

      expect(entries === null || Array.isArray(entries)).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('a path that does not fit is refused instead of cut', () => {
  expect(() => writeTar([{ path: 'x'.repeat(101), kind: 'file', mode: 0o644 }], now)).toThrow('too long')
})

test('an archive of nothing but long names is refused before they are read', () => {
  const names = { path: 'x', kind: 'file', content: '1 '.repeat(400_000), mode: 0o644 } as const
  const archive = writeTar([names, names, names], now)
  for (let at = 0; at < archive.length; at += 512 + 800_256) markAsLongNames(archive.subarray(at, at + 512))

  expect(readTar(archive)).toBeNull()
})

/** POSIX's kind of entry that tells of the next one. */
function markAsLongNames(header: Buffer): void {
  header.write('x', 156, 'latin1')
  header.fill(' ', 148, 156)
  const sum = header.reduce((all, byte) => all + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}
