import { isNowhere } from '../../../src/sync/disk/disk-fault.ts'
import type { FileStat, FileSystem, ListedName } from '../../../src/sync/disk/file-system.ts'
import { ModelInode } from './model-inode.ts'
import type { ModelEntry, ModelKind } from './model-inode.ts'
import { ModelNamespace } from './model-namespace.ts'
import type { NameChange } from './model-namespace.ts'
import { failure, ModelPaths } from './model-paths.ts'
import type { ModelOptions, Place } from './model-paths.ts'

export type { ModelOptions } from './model-paths.ts'

interface OpenFile {
  readonly inode: ModelInode
  readonly isWritable: boolean
  readonly path: string
}

/**
 * A file system in memory that is as bad as one with a journal may be: `crash` gives one of the states that a loss of
 * power could leave, `kill` is the end of the process alone. Faults are set from outside; `onCall` sees every call
 * before it has an effect, so that a test can do in between what a user would.
 */
export class ModelFileSystem implements FileSystem {
  /** Bytes that may still be written. */
  room = Number.MAX_SAFE_INTEGER
  /** Paths with which (and below which) nothing can be done: `EACCES`. */
  readonly denied = new Set<string>()
  /** Changes since `record`, in words. */
  operations: string[] = []
  onCall: ((call: string, path: string) => void) | undefined
  readonly #options: ModelOptions
  readonly #root: ModelInode
  readonly #paths: ModelPaths
  #names = new ModelNamespace()
  readonly #open = new Map<number, OpenFile>()
  readonly #badNames = new Map<number, string[]>()
  #nextIno: number
  #nextFile = 3
  #time: number
  #records = false
  #fault: { calls: number; readonly code: string } | undefined
  #changesLeft = Infinity

  constructor(options: ModelOptions = {}, from?: { root: ModelInode; nextIno: number; time: number }) {
    this.#options = options
    this.#time = from?.time ?? 1_700_000_000_000
    this.#nextIno = from?.nextIno ?? 3
    this.#root = from?.root ?? new ModelInode(2, 'directory', this.#time)
    this.#paths = new ModelPaths(this.#root, options)
  }

  /** One of the states after a loss of power now. The seed is any number; the same gives the same. */
  crash(seed: number): ModelFileSystem {
    const random = randomFrom(seed)
    const changed = this.#names.afterCrash(random)
    const copies = new Map<ModelInode, ModelInode>()
    const copy = (inode: ModelInode): ModelInode => {
      let made = copies.get(inode)
      if (made === undefined) {
        made = inode.afterCrash(random, this.#options.keepsTimes === true)
        copies.set(inode, made)
        for (const [key, entry] of changed.get(inode) ?? inode.durableEntries) {
          const child: ModelEntry = { name: entry.name, inode: copy(entry.inode) }
          made.entries.set(key, child)
          made.durableEntries.set(key, child)
          child.inode.links++
        }
      }
      return made
    }
    return new ModelFileSystem(this.#options, {
      root: copy(this.#root),
      nextIno: this.#nextIno,
      time: this.#time + 1000,
    })
  }

  /** The process is gone, the machine is not. Faults are over. */
  kill(): void {
    this.#open.clear()
    this.#fault = undefined
    this.#changesLeft = Infinity
    this.denied.clear()
    this.onCall = undefined
  }

  /** Everything is on the disk, as it would be after half a minute of quiet. */
  settle(): void {
    this.#names.sync(undefined)
    const settle = (inode: ModelInode): void => {
      inode.sync()
      for (const entry of inode.entries.values()) settle(entry.inode)
    }
    settle(this.#root)
  }

  /** All names are on the disk, as after any sync on disks with one journal for all of them. */
  settleNames(): void {
    this.#names.sync(undefined)
  }

  record(): void {
    this.#records = true
    this.operations = []
  }

  /** The call after `calls` others fails. */
  failAfter(calls: number, code: string): void {
    this.#fault = { calls, code }
  }

  /** After so many more changes nothing has an effect any more: the machine stopped. */
  stopAfter(changes: number): void {
    this.#changesLeft = changes
  }

  /** A name of bytes that are no text. */
  addBadName(directory: string, shownAs: string): void {
    const { ino } = this.#paths.directory(directory)
    this.#badNames.set(ino, [...(this.#badNames.get(ino) ?? []), shownAs])
  }

  /** A pipe, say. */
  addOther(path: string): void {
    this.#add(path, 'other')
  }

  stat(path: string): FileStat | undefined {
    this.#call('stat', path)
    let place: Place
    try {
      place = this.#paths.locate(path)
    } catch (error) {
      const { code } = error as { code?: string }
      if (isNowhere(code ?? '')) return undefined
      throw error
    }
    return place.inode && statOf(place.inode)
  }

  list(path: string): readonly ListedName[] {
    this.#call('list', path)
    const directory = this.#paths.directory(path)
    const names = [...directory.entries.values()].map(({ name }) => ({ name, isText: true }))
    const bad = this.#badNames.get(directory.ino) ?? []
    return [...names, ...bad.map((name) => ({ name, isText: false }))]
  }

  open(path: string, mode: 'read' | 'create' | 'update'): number {
    let inode: ModelInode | undefined
    if (mode === 'create') {
      this.#change('create', path)
      inode = this.#add(path, 'file')
    } else {
      this.#call('open', path)
      inode = this.#paths.existing(path).inode
      if (inode.kind === 'symlink') throw failure('ELOOP', path)
      if (inode.kind === 'directory' && mode === 'update') throw failure('EISDIR', path)
    }
    const file = this.#nextFile++
    this.#open.set(file, { inode, isWritable: mode !== 'read', path })
    return file
  }

  read(file: number, into: Uint8Array, position: number): number {
    const { inode, path } = this.#file(file)
    this.#call('read', path)
    if (inode.kind === 'directory') throw failure('EISDIR', path)
    const bytes = inode.content().subarray(position, position + into.length)
    into.set(bytes)
    return bytes.length
  }

  write(file: number, bytes: Uint8Array, position: number): void {
    const { inode, path } = this.#writable(file)
    this.#change(`write ${position}+${bytes.length}`, path)
    const fitting = bytes.subarray(0, Math.min(bytes.length, this.room))
    inode.write(fitting, position)
    this.room -= fitting.length
    inode.mtimeMs = this.#tick(inode)
    if (fitting.length < bytes.length) throw failure('ENOSPC', path)
  }

  statFile(file: number): FileStat {
    const { inode, path } = this.#file(file)
    this.#call('statFile', path)
    return statOf(inode)
  }

  truncate(file: number, size: number): void {
    const { inode, path } = this.#writable(file)
    this.#change(`truncate ${size}`, path)
    inode.resize(size)
    inode.mtimeMs = this.#tick(inode)
  }

  sync(file: number): void {
    const { inode, path } = this.#file(file)
    this.#change('sync', path)
    inode.sync()
  }

  close(file: number): void {
    this.#file(file)
    this.#open.delete(file)
  }

  rename(from: string, to: string): void {
    this.#change(`rename ${from} to`, to)
    this.#check(from)
    const source = this.#paths.existing(from)
    const target = this.#paths.locate(to)
    const { inode } = source
    const isSameName = source.directory === target.directory && source.key === target.key
    if (target.inode === inode && !isSameName) return
    if (target.inode !== undefined && target.inode !== inode) requireReplaceable(inode, target.inode, to)
    if (target.way.includes(inode)) throw failure('EINVAL', to)
    const arrival: NameChange = {
      directory: target.directory,
      key: target.key,
      entry: { name: this.#paths.listed(target.name), inode },
    }
    const departure: NameChange = { directory: source.directory, key: source.key, entry: undefined }
    const dropped = target.inode?.kind === 'directory' ? target.inode : undefined
    this.#names.change(isSameName ? [arrival] : [departure, arrival], dropped)
    this.#tick(inode)
    if (target.inode !== undefined) this.#tick(target.inode)
    this.#touchDirectories(source, target)
  }

  link(from: string, to: string): void {
    this.#change(`link ${from} to`, to)
    this.#check(from)
    const { inode } = this.#paths.existing(from)
    if (inode.kind === 'directory' || this.#options.hasLinks === false) throw failure('EPERM', to)
    const target = this.#paths.locate(to)
    if (target.inode !== undefined) throw failure('EEXIST', to)
    const entry = { name: this.#paths.listed(target.name), inode }
    this.#names.change([{ directory: target.directory, key: target.key, entry }])
    this.#tick(inode)
    this.#touchDirectories(target)
  }

  unlink(path: string): void {
    this.#change('unlink', path)
    const place = this.#paths.existing(path)
    if (place.inode.kind === 'directory') throw failure('EISDIR', path)
    this.#names.change([{ directory: place.directory, key: place.key, entry: undefined }])
    this.#tick(place.inode)
    this.#touchDirectories(place)
  }

  makeDirectory(path: string): void {
    this.#change('makeDirectory', path)
    this.#add(path, 'directory')
  }

  removeDirectory(path: string): void {
    this.#change('removeDirectory', path)
    const place = this.#paths.existing(path)
    if (place.inode.kind !== 'directory') throw failure('ENOTDIR', path)
    if (place.inode.entries.size > 0) throw failure('ENOTEMPTY', path)
    this.#names.change([{ directory: place.directory, key: place.key, entry: undefined }], place.inode)
    this.#touchDirectories(place)
  }

  makeSymlink(target: string, path: string): void {
    this.#change('makeSymlink', path)
    this.#add(path, 'symlink', target)
  }

  readSymlink(path: string): string {
    this.#call('readSymlink', path)
    const { inode } = this.#paths.existing(path)
    if (inode.kind !== 'symlink') throw failure('EINVAL', path)
    return inode.target
  }

  setTime(path: string, mtimeMs: number): void {
    this.#change('setTime', path)
    const { inode } = this.#paths.existing(path)
    inode.touch()
    inode.mtimeMs = mtimeMs
    this.#tick(inode)
  }

  /** Damage on the disk. */
  rot(path: string, position: number, bit = 0): void {
    this.#paths.existing(path).inode.rot(position, bit)
  }

  /** All files of the model are for all to read. */
  setAccess(): void {}

  setExec(path: string, exec: boolean): void {
    this.#change('setExec', path)
    const { inode } = this.#paths.existing(path)
    if (inode.kind === 'symlink') throw failure('ELOOP', path)
    if (inode.exec === exec) return
    inode.touch()
    inode.exec = exec
    this.#tick(inode)
  }

  syncDirectory(path: string): void {
    this.#change('syncDirectory', path)
    this.#names.sync(this.#paths.directory(path))
  }

  free(path: string): number {
    this.#call('free', path)
    return this.room
  }

  #call(call: string, path: string): void {
    if (this.#changesLeft <= 0) throw failure('EIO', 'the machine stopped')
    const { onCall } = this
    if (onCall !== undefined) {
      this.onCall = undefined
      onCall(call, path)
      this.onCall ??= onCall
    }
    if (this.#fault !== undefined && this.#fault.calls-- === 0) throw failure(this.#fault.code, path)
    this.#check(path)
  }

  #change(change: string, path: string): void {
    this.#call(change, path)
    this.#changesLeft--
    if (this.#records) this.operations.push(`${change} ${path}`)
  }

  #check(path: string): void {
    for (const denied of this.denied) {
      if (path === denied || path.startsWith(`${denied}/`)) throw failure('EACCES', path)
    }
  }

  #tick(inode: ModelInode): number {
    this.#time = this.#options.now?.() ?? this.#time + 1
    inode.ctimeMs = this.#time
    return this.#time
  }

  #touchDirectories(...places: readonly Place[]): void {
    for (const { directory } of places) directory.mtimeMs = this.#tick(directory)
  }

  #add(path: string, kind: ModelKind, target?: string): ModelInode {
    const place = this.#paths.locate(path)
    if (place.inode !== undefined) throw failure('EEXIST', path)
    const inode = new ModelInode(this.#nextIno++, kind, this.#time, target)
    inode.mtimeMs = this.#tick(inode)
    const entry = { name: this.#paths.listed(place.name), inode }
    this.#names.change([{ directory: place.directory, key: place.key, entry }])
    this.#touchDirectories(place)
    return inode
  }

  #file(file: number): OpenFile {
    const open = this.#open.get(file)
    if (open === undefined) throw failure('EBADF', String(file))
    return open
  }

  #writable(file: number): OpenFile {
    const open = this.#file(file)
    if (!open.isWritable) throw failure('EBADF', open.path)
    return open
  }
}

function requireReplaceable(from: ModelInode, there: ModelInode, path: string): void {
  if (from.kind === 'directory' && there.kind !== 'directory') throw failure('ENOTDIR', path)
  if (from.kind !== 'directory' && there.kind === 'directory') throw failure('EISDIR', path)
  if (there.kind === 'directory' && there.entries.size > 0) throw failure('ENOTEMPTY', path)
}

function statOf(inode: ModelInode): FileStat {
  const { kind, size, mtimeMs, ctimeMs, birthtimeMs, ino, links, exec } = inode
  return { kind, size, mtimeMs, ctimeMs, birthtimeMs, ino, dev: 1, links, access: 0o644, exec }
}

/** Small numbers with a seed, spread well enough. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
