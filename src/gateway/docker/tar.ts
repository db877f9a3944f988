/**
 * Tar archives as the archive calls of an engine take and give them: ustar, read with the long names of POSIX and GNU.
 * Pure. Our own, since what comes from a container's disk is not trusted, and links are the point.
 */
import { root, type FileOwner } from './image-user.ts'

export interface TarFile {
  /** Without a leading slash. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link'
  readonly content?: string
  /** Of a symbolic link. */
  readonly target?: string
  readonly mode: number
  readonly owner?: FileOwner
}

export interface TarEntry {
  /** As the archive has it, without a trailing slash. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly content: Buffer
  readonly target: string
}

const block = 512
const emptyBlock = Buffer.alloc(block)
/** Of a name, and of a link's target. */
export const maxNameBytes = 100
/** Of long names in one archive together: thousands of files have far less. */
const maxLongBytes = 1_048_576
const typeFlags = { file: '0', directory: '5', link: '2' } as const
const kinds: ReadonlyMap<string, TarEntry['kind']> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['7', 'file'],
  ['5', 'directory'],
  ['2', 'link'],
])

/** `now` in milliseconds. Throws a TypeError for a name of more than `maxNameBytes`. */
export function writeTar(files: readonly TarFile[], now: number): Buffer {
  const parts = files.flatMap((file) => {
    const content = Buffer.from(file.content ?? '')
    return [headerOf(file, content.length, now), content, padding(content.length)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function headerOf(
  { path, kind, target = '', mode, owner = root }: TarFile,
  size: number,
  now: number,
): Buffer {
  const header = Buffer.alloc(block)
  const name = kind === 'directory' ? `${path}/` : path
  if (Buffer.byteLength(name) > maxNameBytes || Buffer.byteLength(target) > maxNameBytes) {
    throw new TypeError(`${path} is too long for a tar archive`)
  }
  const octal = (value: number, at: number, digits: number): void => {
    header.write(value.toString(8).padStart(digits, '0'), at, 'latin1')
  }
  header.write(name, 0, 'utf8')
  octal(mode, 100, 7)
  octal(owner.uid, 108, 7)
  octal(owner.gid, 116, 7)
  octal(size, 124, 11)
  octal(Math.floor(now / 1000), 136, 11)
  header.write(typeFlags[kind], 156, 'latin1')
  header.write(target, 157, 'utf8')
  header.write('ustar\x0000', 257, 'latin1')
  octal(checksum(header), 148, 6)
  header.write('\0 ', 154, 'latin1')
  return header
}

/** All of it, or null: it is cut off, no archive, or nothing but long names. */
export function readTar(bytes: Buffer): TarEntry[] | null {
  const entries: TarEntry[] = []
  let long: { path?: string; target?: string; size?: number } = {}
  let longBytes = 0
  for (let at = 0; at + block <= bytes.length;) {
    const header = bytes.subarray(at, at + block)
    if (header.equals(emptyBlock)) return entries
    const given = numberAt(header, 124, 12)
    if (given === null || numberAt(header, 148, 8) !== checksum(header)) return null
    const size = long.size ?? given
    const content = bytes.subarray(at + block, at + block + size)
    if (content.length < size) return null
    at += block + size + padding(size).length
    const flag = String.fromCharCode(header[156] ?? 0)
    if ('xLK'.includes(flag)) longBytes += size
    if (longBytes > maxLongBytes) return null
    if (flag === 'x') long = { ...long, ...posixHeader(content) }
    else if (flag === 'L') long = { ...long, path: textAt(content, 0, size) }
    else if (flag === 'K') long = { ...long, target: textAt(content, 0, size) }
    else if (flag !== 'g') {
      const kind = kinds.get(flag) ?? 'other'
      const path = (long.path ?? plainPath(header)).replace(/\/+$/, '')
      entries.push({
        path,
        kind,
        content,
        target: kind === 'link' ? (long.target ?? textAt(header, 157, 100)) : '',
      })
      long = {}
    }
  }
  // NOTE: some writers leave the end mark out.
  return entries.length > 0 ? entries : null
}

function plainPath(header: Buffer): string {
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isPosix ? textAt(header, 345, 155) : ''
  return prefix === '' ? textAt(header, 0, 100) : `${prefix}/${textAt(header, 0, 100)}`
}

/** Records of `length key=value\n`. */
function posixHeader(content: Buffer): { path?: string; target?: string; size?: number } {
  const found: { path?: string; target?: string; size?: number } = {}
  for (let at = 0; at < content.length;) {
    const length = Number.parseInt(content.toString('latin1', at, at + 10), 10)
    if (!(length > 0)) break
    const [key = '', value = ''] = content
      .toString('utf8', at, at + length - 1)
      .split(/^\d+ ([^=]*)=/s)
      .slice(1)
    if (key === 'path') found.path = value
    else if (key === 'linkpath') found.target = value
    else if (key === 'size' && /^\d{1,15}$/.test(value)) found.size = Number(value)
    at += length
  }
  return found
}

/** Octal digits; null: none (sizes above 8 GiB are written otherwise, and read by nobody here). */
function numberAt(header: Buffer, at: number, length: number): number | null {
  const text = header
    .toString('latin1', at, at + length)
    .replace(/[\0 ]+$/, '')
    .trim()
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : text === '' ? 0 : null
}

function textAt(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? field.length : end)
}

/** The sum of the header's bytes, its own field taken as blanks. */
function checksum(header: Buffer): number {
  let sum = 8 * 0x20
  for (let index = 0; index < block; index++) {
    if (index < 148 || index >= 156) sum += header[index] ?? 0
  }
  return sum
}

function padding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block)
}
