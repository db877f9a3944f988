import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RealDaemon } from './real-daemon.ts'

/** Flips a bit of a file, and sets back its time as far as a program can. */
export function flip(path: string, offset: number): void {
  const { atimeMs, mtimeMs } = statSync(path)
  const file = openSync(path, 'r+')
  try {
    const byte = new Uint8Array(1)
    readSync(file, byte, 0, 1, offset)
    byte[0] = (byte[0] ?? 0) ^ 1
    writeSync(file, byte, 0, 1, offset)
  } finally {
    closeSync(file)
  }
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000)
}

/** As a disk does it: the file's stat tells nothing. The daemon must not run. */
export function rot(daemon: RealDaemon, path: string, offset: number): void {
  const absolute = join(daemon.root, path)
  flip(absolute, offset)
  const { ctimeMs, mtimeMs } = statSync(absolute)
  const items = new DatabaseSync(join(daemon.store, 'items.sqlite'))
  try {
    const name = path.split('/').at(-1) ?? ''
    const { changes } = items
      .prepare('UPDATE items SET ctime = ?, mtime = ? WHERE name = ?')
      .run(ctimeMs, mtimeMs, name)
    if (changes !== 1) throw new Error(`${changes} items are called ${name}`)
  } finally {
    items.close()
  }
}

export function packsOf(daemon: RealDaemon): string[] {
  const directory = join(daemon.store, 'packs')
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []
}

export function keptOf(daemon: RealDaemon): string[] {
  const directory = join(daemon.root, '.harp/kept')
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []
}
