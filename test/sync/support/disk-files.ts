import type { FileSystem } from '../../../src/sync/disk/file-system.ts'

/** What a user's program would do to files, through any file system. */
export function writeFile(fs: FileSystem, path: string, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const file = fs.open(path, fs.stat(path) === undefined ? 'create' : 'update')
  fs.write(file, bytes, 0)
  fs.truncate(file, bytes.length)
  fs.close(file)
}

export function readFile(fs: FileSystem, path: string): Uint8Array {
  const file = fs.open(path, 'read')
  try {
    const into = new Uint8Array(fs.statFile(file).size)
    return into.subarray(0, fs.read(file, into, 0))
  } finally {
    fs.close(file)
  }
}

export function readText(fs: FileSystem, path: string): string | undefined {
  return fs.stat(path) === undefined ? undefined : new TextDecoder().decode(readFile(fs, path))
}

/** Saves as careful programs do: beside, then by renaming. */
export function saveByRename(fs: FileSystem, path: string, content: string): void {
  writeFile(fs, `${path}.saving`, content)
  fs.rename(`${path}.saving`, path)
}

export function namesIn(fs: FileSystem, path: string): string[] {
  return fs
    .list(path)
    .map(({ name }) => name)
    .toSorted()
}

/** Every path below, with what is there: `dir`, `link → target`, or the text of a file. */
export function treeOf(fs: FileSystem, root: string, at = ''): Record<string, string> {
  const tree: Record<string, string> = {}
  for (const name of namesIn(fs, root + at || '/')) {
    const path = `${at}/${name}`
    const kind = fs.stat(root + path)?.kind
    if (kind === 'symlink') tree[path] = `link → ${fs.readSymlink(root + path)}`
    else if (kind === 'file') tree[path] = new TextDecoder().decode(readFile(fs, root + path))
    else tree[path] = kind === 'directory' ? 'dir' : 'other'
    if (kind === 'directory') Object.assign(tree, treeOf(fs, root, path))
  }
  return tree
}
