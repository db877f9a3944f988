import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blake3 } from '@noble/hashes/blake3.js'
import { afterAll, describe, expect, test } from 'vitest'
import {
  sampleKeys as keys,
  seededContent,
  smallChunker,
} from '../../../test/sync/support/content-samples.ts'
import { openChunk } from '../content/chunk-seal.ts'
import { largestChunk } from '../content/chunker.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { nodeFileSystem } from '../disk/node-file-system.ts'
import { concatBytes, sameBytes } from '../format/cbor.ts'
import { defaultChunker } from '../replica/founding.ts'
import { toHex } from '../ids.ts'
import { runHash } from './hash-job.ts'
import type { HashedFile } from './job.ts'
import { runServe } from './serve-job.ts'
import { readBytes } from './thread-chunkers.ts'

const folder = mkdtempSync(join(tmpdir(), 'harp-hash-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

function hash(
  path: string,
  options: { fs?: FileSystem; keepUpTo?: number; chunker?: typeof defaultChunker } = {},
): HashedFile {
  const { fs = nodeFileSystem, keepUpTo = 0, chunker = smallChunker } = options
  return runHash(fs, { keys, chunker, files: [{ path }], keepUpTo }).files[0]!
}

function hashed(file: HashedFile) {
  if (file.state !== 'hashed') throw new Error(file.state)
  return file
}

/** The content again, from the sealed chunks. */
function opened({ rows, sealed }: ReturnType<typeof hashed>): Uint8Array {
  let place = 0
  const parts = [...rows.lengths].map((length, row) => {
    const bytes = sealed!.subarray(place, place + length + 16)
    place += bytes.length
    return openChunk(
      keys,
      rows.ids.subarray(row * 32, row * 32 + 32),
      rows.keys.subarray(row * 32, row * 32 + 32),
      bytes,
    )
  })
  expect(place).toBe(sealed!.length)
  return concatBytes(
    ...parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part)),
  )
}

const { minimum, maximum } = smallChunker

describe.each([0, 1, minimum, minimum + 1, maximum, maximum + 1, 100_000])('a file of %i bytes', (size) => {
  const content = seededContent(size, size)
  const path = at(`of-${size}`)
  writeFileSync(path, content)

  test('is described so that it can be made again', () => {
    const file = hashed(hash(path, { keepUpTo: size }))
    expect(file.hash).toBe(toHex(blake3(content)))
    expect(file.stat).toMatchObject({ kind: 'file', size })
    expect(opened(file)).toEqual(content)
    expect(file.rows.lengths.every((length) => length >= 1 && length <= maximum)).toBe(true)
  })

  test('is described alike without its chunks', () => {
    const { sealed, ...rest } = hashed(hash(path, { keepUpTo: size - 1 }))
    expect(sealed).toBeUndefined()
    expect(rest).toEqual({ ...hashed(hash(path, { keepUpTo: size })), sealed: undefined })
  })
})

test('where parts are read makes no difference to the chunks', () => {
  const size = readBytes * 2 + 12_345
  const content = seededContent(9, size)
  writeFileSync(at('large'), content)
  const whole = hashed(hash(at('large'), { keepUpTo: size }))
  // Compared by the runner, millions of bytes take seconds.
  expect(sameBytes(opened(whole), content)).toBe(true)
  expect(whole.hash).toBe(toHex(blake3(content)))
  writeFileSync(at('tail'), content.subarray(whole.rows.lengths[0]))
  const tail = hashed(hash(at('tail')))
  expect(tail.rows.ids).toEqual(whole.rows.ids.subarray(32))
})

test('many files in one job, also after one that failed, do not get mixed up', () => {
  const files = [100_000, 1, maximum + 1, 0, 5_000].map((size) => ({ path: at(`of-${size}`), size }))
  writeFileSync(at('of-5000'), seededContent(5_000, 5_000))
  files.splice(2, 0, { path: at('nothing'), size: 0 })
  const { files: found } = runHash(nodeFileSystem, { keys, chunker: smallChunker, files, keepUpTo: 10_000 })
  expect(found).toEqual(files.map(({ path }) => hash(path, { keepUpTo: 10_000 })))
})

describe('what is no content', () => {
  test('symlinks are read, and not followed', () => {
    symlinkSync('of-1', at('link'))
    symlinkSync('/nowhere', at('broken'))
    expect(hash(at('link'))).toMatchObject({ state: 'symlink', target: 'of-1', stat: { kind: 'symlink' } })
    expect(hash(at('broken'))).toMatchObject({ state: 'symlink', target: '/nowhere' })
  })

  test('missing', () => {
    expect(hash(at('absent'))).toEqual({ state: 'missing' })
    expect(hash(join(at('of-1'), 'below'))).toEqual({ state: 'missing' })
  })

  test('a directory that was a file', () => {
    mkdirSync(at('directory'))
    expect(hash(at('directory'))).toEqual({ state: 'changing' })
  })

  test.each(['open', 'read', 'statFile'])('a disk that does not give it: %s', (call) => {
    const refuse = (): never => {
      throw Object.assign(new Error('no permission'), { code: 'EACCES' })
    }
    const fault = { code: 'EACCES', message: 'no permission' }
    const fs = { ...nodeFileSystem, [call]: refuse }
    expect(hash(at('of-1'), { fs })).toEqual({ state: 'failed', fault })
  })
})

describe('a file that is written to meanwhile is not described', () => {
  test.each<[string, (path: string) => void]>([
    ['made longer', (path) => writeFileSync(path, 'more', { flag: 'a' })],
    ['cut', (path) => writeFileSync(path, 'less')],
    ['written anew', (path) => writeFileSync(path, seededContent(8, 100_000))],
    [
      'replaced',
      (path) => {
        rmSync(path)
        writeFileSync(path, seededContent(8, 100_000))
      },
    ],
  ])('%s', (name, change) => {
    const path = at(`racing-${name}`)
    writeFileSync(path, seededContent(7, 100_000))
    const open: FileSystem['open'] = (...call) => {
      change(path)
      return nodeFileSystem.open(...call)
    }
    expect(hash(path, { fs: { ...nodeFileSystem, open } })).toEqual({ state: 'changing' })
  })

  test('or becomes a symlink', () => {
    const path = at('swapped')
    writeFileSync(path, 'x')
    const open: FileSystem['open'] = (...call) => {
      rmSync(path)
      symlinkSync('of-1', path)
      return nodeFileSystem.open(...call)
    }
    expect(hash(path, { fs: { ...nodeFileSystem, open } })).toEqual({ state: 'changing' })
  })
})

test('a folder of larger chunks than this program handles is refused in words', () => {
  const found = hash(at('of-1'), { chunker: { ...defaultChunker, maximum: largestChunk + 1 } })
  expect(found).toMatchObject({ state: 'failed', fault: { code: 'WORK_CHUNKS_TOO_LARGE' } })
})

describe('chunks to send', () => {
  const content = seededContent(12, 60_000)
  writeFileSync(at('served'), content)
  const { rows, sealed } = hashed(hash(at('served'), { keepUpTo: 60_000 }))
  writeFileSync(at('pack'), concatBytes(new Uint8Array(7), sealed!))
  const chunks = [...rows.lengths].map((length, row) => {
    const offset = rows.lengths.subarray(0, row).reduce((sum, before) => sum + before, 0)
    const id = rows.ids.subarray(row * 32, row * 32 + 32)
    const key = rows.keys.subarray(row * 32, row * 32 + 32)
    return {
      id,
      plain: { id, source: { in: 'file', path: at('served'), offset, length, key } as const },
      packed: {
        id,
        source: {
          in: 'pack',
          path: at('pack'),
          offset: 7 + offset + row * 16,
          sealedLength: length + 16,
        } as const,
      },
    }
  })

  test('from the file and from a pack they are the same', () => {
    const plain = runServe(nodeFileSystem, { chunks: chunks.map((chunk) => chunk.plain) }).sealed
    const packed = runServe(nodeFileSystem, { chunks: chunks.map((chunk) => chunk.packed) }).sealed
    expect(concatBytes(...plain.map((bytes) => bytes!))).toEqual(sealed)
    expect(packed).toEqual(plain)
  })

  test('what is not there any more is left out, and nothing else', () => {
    const [first, second] = chunks
    const { sealed: found } = runServe(nodeFileSystem, {
      chunks: [
        { id: first!.id, source: { ...first!.plain.source, path: at('absent') } },
        { id: first!.id, source: { ...first!.plain.source, offset: 1 } },
        { id: first!.id, source: { ...first!.plain.source, key: second!.plain.source.key } },
        { id: first!.id, source: { ...first!.plain.source, offset: 60_000 } },
        { id: first!.id, source: { ...first!.plain.source, length: largestChunk + 1 } },
        { id: first!.id, source: { ...first!.packed.source, offset: 8 } },
        { id: first!.id, source: { ...first!.packed.source, sealedLength: 2 ** 40 } },
        { id: first!.id, source: { ...first!.packed.source, path: folder } },
        first!.plain,
      ],
    })
    expect(found.slice(0, -1)).toEqual(Array.from({ length: 8 }, () => undefined))
    expect(found.at(-1)).toEqual(sealed!.subarray(0, rows.lengths[0]! + 16))
  })
})
