import { join } from 'node:path'
import { privateName } from '../disk/private-directory.ts'
import type { FileSystem } from '../disk/file-system.ts'
import type { EntryHash } from '../ids.ts'
import type { Replica } from '../replica/replica.ts'

const name = `${privateName}/head`
const hashBytes = 64

/**
 * The last entry of this device, noted beside the user's files. If the log does not know it any more, the home is older
 * than what this device has sent (a backup, a snapshot of a machine): it must go on with a new chain, or it would write
 * a second history of its own.
 */
export class RollbackMark {
  readonly #fs: FileSystem
  readonly #path: string
  #noted: EntryHash | undefined

  constructor(fs: FileSystem, root: string) {
    this.#fs = fs
    this.#path = join(root, name)
  }

  isRolledBack(replica: Replica): boolean {
    const noted = this.#read()
    return noted !== undefined && replica.log.entry(noted) === undefined
  }

  /** After a commit. Being late is harmless; being lost is as if there were none. */
  note(replica: Replica): void {
    const last = lastOwn(replica)
    if (last === undefined || last === this.#noted) return
    this.#noted = last
    const part = `${this.#path}.part`
    try {
      if (this.#fs.stat(part) !== undefined) this.#fs.unlink(part)
      const file = this.#fs.open(part, 'create')
      try {
        this.#fs.write(file, new TextEncoder().encode(`${last}\n`), 0)
      } finally {
        this.#fs.close(file)
      }
      this.#fs.rename(part, this.#path)
    } catch {
      // The disk is gone or full: then there is no mark, and others tell us what they know of our chain.
    }
  }

  #read(): EntryHash | undefined {
    try {
      const file = this.#fs.open(this.#path, 'read')
      try {
        const bytes = new Uint8Array(hashBytes)
        this.#fs.read(file, bytes, 0)
        const text = new TextDecoder().decode(bytes)
        return /^[0-9a-f]{64}$/.test(text) ? text : undefined
      } finally {
        this.#fs.close(file)
      }
    } catch {
      return undefined
    }
  }
}

function lastOwn({ log, deviceId }: Replica): EntryHash | undefined {
  let last:
    | { readonly hash: EntryHash; readonly hlc: { readonly ms: number; readonly counter: number } }
    | undefined
  for (const head of log.branchHeads()) {
    if (head.deviceId !== deviceId) continue
    const isLater =
      last === undefined ||
      head.hlc.ms > last.hlc.ms ||
      (head.hlc.ms === last.hlc.ms && head.hlc.counter > last.hlc.counter)
    if (isLater) last = head
  }
  return last?.hash
}
