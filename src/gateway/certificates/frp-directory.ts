/**
 * The files of `$HARP_CERTS_DIR/frp`. Every change is one step that is there wholly or not at all, also after a power
 * cut: written aside, forced to disk, then linked or renamed into place. Private keys are for the owner alone.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, errorMessage } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'
import { FrpFiles, frpFileNames, Unreadable, type FrpFileName, type FrpPart } from './frp-files.ts'

const maxFileBytes = 262_144
const maxReads = 10
const leftoverAgeMs = 600_000
const temporary = /^\..*\.tmp$/

export class FrpDirectory {
  readonly path: string

  constructor(certsDir: string) {
    this.path = join(certsDir, 'frp')
  }

  pathOf(name: string): string {
    return join(this.path, name)
  }

  /** A state that was there at one moment: read again while somebody changes it. */
  read(): FrpFiles {
    let files = this.#readOnce()
    for (let reads = 1; reads < maxReads; reads++) {
      const again = this.#readOnce()
      if (files.equals(again)) break
      files = again
    }
    return files
  }

  /** With its parents. Removes what an interrupted write has left. */
  make(now: number): void {
    this.#do(`cannot make the directory ${this.path}`, () => {
      makeDirectory(this.path)
      for (const name of readdirSync(this.path)) {
        if (!temporary.test(name)) continue
        const age = now - (statSync(this.pathOf(name), { throwIfNoEntry: false })?.mtimeMs ?? now)
        if (age > leftoverAgeMs) rmSync(this.pathOf(name), { force: true })
      }
    })
  }

  /** False, and nothing changes, if the file is there by now: somebody else was as fast. */
  create(name: FrpFileName, text: string): boolean {
    return this.#do(`cannot write ${this.pathOf(name)}`, () => {
      const aside = this.#writeAside(name, text)
      try {
        linkSync(aside, this.pathOf(name))
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return false
        if (!noHardLinks.has(errorCode(error))) throw error
        // NOTE: some network and desktop file systems have no hard links; two gateways at once are not expected there.
        if (existsSync(this.pathOf(name))) return false
        renameSync(aside, this.pathOf(name))
      } finally {
        rmSync(aside, { force: true })
      }
      this.#syncDirectory()
      return true
    })
  }

  replace(name: FrpFileName, text: string): void {
    this.#do(`cannot write ${this.pathOf(name)}`, () => {
      renameSync(this.#writeAside(name, text), this.pathOf(name))
      this.#syncDirectory()
    })
  }

  /** `server-next.key` becomes `server.key`. Not being there any more means that somebody else did it. */
  adopt(name: FrpPart): void {
    this.#do(`cannot write ${this.pathOf(`${name}.key`)}`, () => {
      try {
        renameSync(this.pathOf(`${name}-next.key`), this.pathOf(`${name}.key`))
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
      }
      this.#syncDirectory()
    })
  }

  /** Copies files into a directory of their own beside the living ones, whose name is returned; null without any. */
  keep(names: readonly FrpFileName[], now: number): string | null {
    const present = names.filter((name) => existsSync(this.pathOf(name)))
    if (present.length === 0) return null
    const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(':', '')
    return this.#do(`cannot keep old files in ${this.path}`, () => {
      const kept = this.#makeFresh(`old-${stamp}Z`)
      for (const name of present) {
        const text = readFileSync(this.pathOf(name), 'utf8')
        this.#write(join(kept, name), text, modeOf(name))
      }
      syncPath(kept)
      this.#syncDirectory()
      return kept
    })
  }

  /** After `keep`: the file is not in use any more. */
  remove(name: FrpFileName): void {
    this.#do(`cannot remove ${this.pathOf(name)}`, () => rmSync(this.pathOf(name), { force: true }))
  }

  #readOnce(): FrpFiles {
    return new FrpFiles(this.path, new Map(frpFileNames.map((name) => [name, readFile(this.pathOf(name))])))
  }

  #makeFresh(name: string): string {
    for (let count = 1; ; count++) {
      const path = this.pathOf(count === 1 ? name : `${name}-${count}`)
      if (existsSync(path)) continue
      mkdirSync(path, { mode: 0o700 })
      this.#giveToOwner(path)
      return path
    }
  }

  #writeAside(name: FrpFileName, text: string): string {
    const aside = this.pathOf(`.${name}.${randomBytes(8).toString('hex')}.tmp`)
    this.#write(aside, text, modeOf(name))
    return aside
  }

  #write(path: string, text: string, mode: number): void {
    const file = openSync(path, 'wx', mode)
    try {
      // NOTE: whatever the umask is: certificates are public, and apps get copies of them.
      fchmodSync(file, mode)
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    this.#giveToOwner(path)
  }

  /** What root writes for a gateway that is not root would be unreadable for it. */
  #giveToOwner(path: string): void {
    if (process.getuid?.() !== 0) return
    const { uid, gid } = statSync(this.path)
    if (uid !== 0) chownSync(path, uid, gid)
  }

  #syncDirectory(): void {
    syncPath(this.path)
  }

  #do<Result>(what: string, work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw gatewayError('FRP_CERT_UNWRITABLE', `${what} (${errorCode(error)})`, { cause: error })
    }
  }
}

const noHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

function modeOf(name: FrpFileName): number {
  return name.endsWith('.key') ? 0o600 : 0o644
}

function readFile(path: string): string | Unreadable | null {
  try {
    const stats = statSync(path)
    // NOTE: a pipe would block for ever.
    if (!stats.isFile() || stats.size > maxFileBytes) {
      return new Unreadable(`is not a regular file of at most ${maxFileBytes} bytes`)
    }
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return null
    return new Unreadable(`cannot be read: ${errorMessage(error)}`)
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path)
    chmodSync(path, 0o755)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    makeDirectory(dirname(path))
    makeDirectory(path)
  }
}

function syncPath(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } catch (error) {
    // NOTE: some file systems cannot sync a directory; they then have no better promise to give.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(errorCode(error))) throw error
  } finally {
    closeSync(directory)
  }
}
