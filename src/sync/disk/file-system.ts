/**
 * What sync needs of a file system: synchronous, so that a worker thread runs jobs on it without waiting and a simulator
 * runs a whole folder on a model. Implementations: `node-file-system.ts`, and in tests a model that can crash
 * (test/sync/support/model-file-system.ts); one compliance suite runs against each. Paths are absolute. Symlinks are
 * never followed in the last component. Errors are those of the system, with its `code` (`ENOENT`, `ENOSPC`, …).
 */
export interface FileSystem {
  /** Undefined if there is nothing, also if a parent is missing, no directory, or a symlink that leads in a circle. */
  stat(path: string): FileStat | undefined
  /** Names in no order. Those that are no UTF-8 come with `isText: false`, and cannot be used as a path. */
  list(path: string): readonly ListedName[]
  /** `create` refuses what exists; none follows a symlink. */
  open(path: string, mode: 'read' | 'create' | 'update'): number
  /** Bytes read, fewer than asked for only at the end. */
  read(file: number, into: Uint8Array, position: number): number
  /** Writes all of it. */
  write(file: number, bytes: Uint8Array, position: number): void
  statFile(file: number): FileStat
  truncate(file: number, size: number): void
  /** Content and size are on the disk when it returns. */
  sync(file: number): void
  close(file: number): void
  /** Replaces a file or symlink; an empty directory only by a directory. */
  rename(from: string, to: string): void
  /** A second name for a file, or for a symlink itself; refuses what exists (`EEXIST`). Not all disks can. */
  link(from: string, to: string): void
  unlink(path: string): void
  makeDirectory(path: string): void
  /** Refuses (`ENOTEMPTY`) unless empty. */
  removeDirectory(path: string): void
  makeSymlink(target: string, path: string): void
  readSymlink(path: string): string
  /** Milliseconds since 1970 with fractions; of a symlink itself. */
  setTime(path: string, mtimeMs: number): void
  /** The execute bits, for those who may read. */
  setExec(path: string, exec: boolean): void
  /** Who may read and write a file: the bits 0o666. What may execute it stays. */
  setAccess(path: string, access: number): void
  /** Names in it are on the disk when it returns. */
  syncDirectory(path: string): void
  /** Bytes that this user may still write. */
  free(path: string): number
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  readonly size: number
  /** Milliseconds since 1970 with fractions, as precise as a double is (about 0.25 µs). */
  readonly mtimeMs: number
  readonly ctimeMs: number
  /** 0 where the file system does not keep it. */
  readonly birthtimeMs: number
  readonly ino: number
  readonly dev: number
  /** How many names it has. */
  readonly links: number
  /** Who may read and write it: the bits 0o666; what they are where the system has no such thing. */
  readonly access: number
  /** The owner's execute bit. */
  readonly exec: boolean
}

export interface ListedName {
  readonly name: string
  readonly isText: boolean
}

/**
 * By which a scan tells whether something is what it was. Renaming changes `ctimeMs` on some systems, so who compares
 * across a rename leaves it out.
 */
export interface Fingerprint {
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number
  readonly ino: number
  readonly exec: boolean
}

export function fingerprintOf(stat: FileStat): Fingerprint {
  const { size, mtimeMs, ctimeMs, birthtimeMs, ino, exec } = stat
  return { size, mtimeMs, ctimeMs, birthtimeMs, ino, exec }
}

/** Unchanged, as far as a stat can tell. */
export function samePrint(left: Fingerprint, right: Fingerprint): boolean {
  return (
    left.size === right.size &&
    left.mtimeMs === right.mtimeMs &&
    left.ctimeMs === right.ctimeMs &&
    left.ino === right.ino &&
    left.exec === right.exec
  )
}
