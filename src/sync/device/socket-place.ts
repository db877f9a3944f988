import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { errorCode } from '../../base/errors.ts'
import { readTextFile, writeDurably } from './durable-file.ts'

/** What every system takes; Linux would take 107 bytes. */
const longestPath = 100
const socketName = 'daemon.sock'
const noteName = 'daemon.socket'

/** Where clients find the socket of a home. */
export function findSocket(home: string): string {
  const inHome = join(home, socketName)
  if (fits(inHome)) return inHome
  const noted = readTextFile(join(home, noteName))?.trim()
  return noted !== undefined && isAbsolute(noted) && fits(noted) ? noted : inHome
}

/**
 * Where the daemon shall listen. If the path of the home is longer than a socket's may be, in a short directory of this
 * user's own, which the home remembers. The caller holds the lock of the home.
 */
export function placeSocket(home: string, runtimeDirectory: string | undefined): string {
  const inHome = join(home, socketName)
  const note = join(home, noteName)
  if (fits(inHome)) {
    rmSync(note, { force: true })
    return inHome
  }
  const noted = findSocket(home)
  if (noted !== inHome && isOwnDirectory(join(noted, '..'))) return noted
  const path = join(shortDirectory(home, runtimeDirectory), socketName)
  writeDurably(note, `${path}\n`)
  return path
}

function shortDirectory(home: string, runtimeDirectory: string | undefined): string {
  const name = `harp-${createHash('sha256').update(home).digest('hex').slice(0, 16)}`
  for (const parent of [runtimeDirectory, tmpdir()]) {
    if (parent === undefined || !isAbsolute(parent) || !fits(join(parent, name, socketName))) continue
    const directory = join(parent, name)
    try {
      mkdirSync(directory, { mode: 0o700 })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') continue
    }
    if (isOwnDirectory(directory)) return directory
  }
  // Somebody else has the name in a directory that all may write to.
  return mkdtempSync('/tmp/harp-')
}

function isOwnDirectory(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= longestPath
}
