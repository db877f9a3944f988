/** The files of a scripted container, and the tar archives in which an engine hands them over. */
export interface FakeFile {
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly content: Buffer
  /** Of a symlink; else empty. */
  readonly target: string
}

const nothing = Buffer.alloc(0)

/** A little file system: absolute paths without a trailing slash; `/` is always there. */
export class FakeFiles {
  readonly #files = new Map<string, FakeFile>()

  constructor() {
    this.directory('/')
  }

  paths(): string[] {
    return [...this.#files.keys()]
  }

  /** Not following a symlink at its end. */
  get(path: string): FakeFile | undefined {
    return this.#files.get(normal(path))
  }

  /** Following symlinks at its end. */
  resolve(path: string): FakeFile | undefined {
    let at = normal(path)
    for (let hop = 0; hop < 8; hop++) {
      const found = this.#files.get(at)
      if (found?.kind !== 'symlink') return found
      at = normal(found.target.startsWith('/') ? found.target : `${parentOf(at)}/${found.target}`)
    }
    return undefined
  }

  file(path: string, content: string | Buffer, attributes: Partial<FakeFile> = {}): void {
    this.#put(path, { ...plain('file', 0o644), content: Buffer.from(content), ...attributes })
  }

  directory(path: string, attributes: Partial<FakeFile> = {}): void {
    this.#put(path, { ...plain('directory', 0o755), ...attributes })
  }

  symlink(path: string, target: string): void {
    this.#put(path, { ...plain('symlink', 0o777), target })
  }

  /** What `PUT …/archive` does: missing parents come to be, entries have the owner and mode that they say. Plain ustar. */
  unpack(base: string, tar: Buffer): void {
    for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
      const field = (from: number, length: number): string =>
        tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '')
      const octal = (from: number, length: number): number => Number.parseInt(field(from, length), 8)
      const size = octal(124, 12)
      const content = Buffer.from(tar.subarray(at + 512, at + 512 + size))
      const attributes = { mode: octal(100, 8) & 0o7777, uid: octal(108, 8), gid: octal(116, 8) }
      const path = normal(`${base}/${field(0, 100)}`)
      const type = field(156, 1)
      if (type === typeFlags.directory) this.directory(path, attributes)
      else if (type === typeFlags.symlink) this.symlink(path, field(157, 100))
      else this.file(path, content, attributes)
      at += 512 + Math.ceil(size / 512) * 512
    }
  }

  /** What `GET …/archive` gives: the entry by its last name, and for a directory all below it. */
  pack(path: string): Buffer {
    const at = normal(path)
    const top = at === '/' ? '' : at.slice(parentOf(at).length).replace(/^\//, '')
    const blocks: Buffer[] = []
    for (const [each, file] of [...this.#files].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      if (each !== at && !each.startsWith(at === '/' ? '/' : `${at}/`)) continue
      const name = `${top}${each.slice(at === '/' ? 0 : at.length)}`.replace(/^\//, '')
      blocks.push(tarEntry(file.kind === 'directory' ? `${name}/` : name, file))
    }
    return Buffer.concat([...blocks, Buffer.alloc(1024)])
  }

  #put(path: string, file: FakeFile): void {
    const at = normal(path)
    if (at !== '/' && !this.#files.has(parentOf(at))) this.directory(parentOf(at))
    this.#files.set(at, file)
  }
}

function plain(kind: FakeFile['kind'], mode: number): FakeFile {
  return { kind, mode, uid: 0, gid: 0, content: nothing, target: '' }
}

function normal(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

const typeFlags = { file: '0', symlink: '2', directory: '5' } as const

function tarEntry(name: string, file: FakeFile): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  }
  header.write(name, 0, 100, 'utf8')
  octal(file.mode, 100, 8)
  octal(file.uid, 108, 8)
  octal(file.gid, 116, 8)
  octal(file.content.length, 124, 12)
  octal(0, 136, 12)
  header.write('        ', 148, 'latin1')
  header.write(typeFlags[file.kind], 156, 'latin1')
  header.write(file.target, 157, 100, 'utf8')
  header.write('ustar\x0000', 257, 'latin1')
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  const padding = Buffer.alloc((512 - (file.content.length % 512)) % 512)
  return Buffer.concat([header, file.content, padding])
}
