import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import type { Stats } from 'node:fs'
import { errorCode } from '../../base/errors.ts'
import { isNowhere } from './disk-fault.ts'
import type { FileStat, FileSystem, ListedName } from './file-system.ts'

// A pipe would hold the thread until somebody opens its other end; files do not care. Windows knows neither flag.
const careful = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const openFlags = {
  read: constants.O_RDONLY | careful,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | careful,
  update: constants.O_RDWR | careful,
} as const
const directoryFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)
const missingIsNoError = { throwIfNoEntry: false } as const
const replacement = '\uFFFD'

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  stat,
  list,
  open: (path, mode) => openSync(path, openFlags[mode], 0o666),
  read,
  write,
  statFile: (file) => readStat(fstatSync(file)),
  truncate: ftruncateSync,
  sync: fsyncSync,
  close: closeSync,
  rename: renameSync,
  link,
  unlink: unlinkSync,
  makeDirectory: (path) => {
    mkdirSync(path)
  },
  removeDirectory: (path) => rmdirSync(path),
  makeSymlink: (target, path) => symlinkSync(target, path),
  readSymlink: (path) => readlinkSync(path),
  setTime,
  setExec,
  setAccess,
  syncDirectory,
  free,
}

function stat(path: string): FileStat | undefined {
  try {
    const stats = lstatSync(path, missingIsNoError)
    return stats === undefined ? undefined : readStat(stats)
  } catch (error) {
    if (isNowhere(errorCode(error))) return undefined
    throw error
  }
}

function readStat(stats: Stats): FileStat {
  const { mode } = stats
  return {
    kind: kindOf(mode & constants.S_IFMT),
    size: stats.size,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
    birthtimeMs: stats.birthtimeMs,
    ino: stats.ino,
    dev: stats.dev,
    links: stats.nlink,
    access: mode & 0o666,
    exec: (mode & 0o100) !== 0,
  }
}

function kindOf(type: number): FileStat['kind'] {
  if (type === constants.S_IFREG) return 'file'
  if (type === constants.S_IFDIR) return 'directory'
  return type === constants.S_IFLNK ? 'symlink' : 'other'
}

function list(path: string): readonly ListedName[] {
  const names = readdirSync(path)
  if (names.some((name) => name.includes(replacement))) return listBytes(path)
  return names.map((name) => ({ name, isText: true }))
}

/** A name with the replacement character may really hold it, or bytes that are no text: only the bytes tell. */
function listBytes(path: string): readonly ListedName[] {
  return readdirSync(path, 'buffer').map((bytes) => {
    const name = bytes.toString()
    return { name, isText: Buffer.from(name).equals(bytes) }
  })
}

function read(file: number, into: Uint8Array, position: number): number {
  let done = 0
  while (done < into.length) {
    const count = readSync(file, into, done, into.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

function write(file: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, position + done)
}

function link(from: string, to: string): void {
  // There, a second name of a symlink would be one of what it points to.
  if (process.platform === 'darwin' && lstatSync(from).isSymbolicLink()) {
    throw Object.assign(new Error('ENOTSUP: no second name for a symlink'), { code: 'ENOTSUP' })
  }
  linkSync(from, to)
}

function setTime(path: string, mtimeMs: number): void {
  const seconds = mtimeMs / 1000
  // Numbers below 0 are taken for "now"; their texts are not.
  const time = seconds < 0 ? String(seconds) : seconds
  lutimesSync(path, time, time)
}

/** Through an open file, since `chmod` of a path would follow a symlink. Touches nothing that is right already. */
function setExec(path: string, exec: boolean): void {
  const file = openSync(path, openFlags.read)
  try {
    const mode = fstatSync(file).mode & 0o7777
    const wanted = exec ? mode | ((mode & 0o444) >> 2) : mode & ~0o111
    if (wanted !== mode) fchmodSync(file, wanted)
  } finally {
    closeSync(file)
  }
}

function setAccess(path: string, access: number): void {
  const file = openSync(path, openFlags.read)
  try {
    const mode = fstatSync(file).mode & 0o7777
    // Who may not read it any more has no use for executing it.
    const exec = mode & 0o111 & ((access & 0o444) >> 2)
    fchmodSync(file, (access & 0o666) | exec)
  } finally {
    closeSync(file)
  }
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return // No such call there; the journal keeps the order.
  const file = openSync(path, directoryFlags)
  try {
    fsyncSync(file)
  } catch (error) {
    // Some network file systems cannot, and have nothing to lose.
    if (errorCode(error) !== 'EINVAL') throw error
  } finally {
    closeSync(file)
  }
}

function free(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}
