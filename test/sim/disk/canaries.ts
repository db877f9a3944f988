import type { DatabaseSync } from 'node:sqlite'
import type { StreamTopic } from '../../../src/sync/link/link.ts'
import { demand } from '../violation.ts'
import { home, root, type DiskDevice } from './disk-device.ts'

/** In every name that users give, and all over every content that they write. */
export const nameCanary = 'Kanarienname-'
export const contentCanary = ' Kanarieninhalt '

/** Frames of this size are kept, and looked at again when all keys are known. */
const keptBytes = 64 * 1024
const readable = [nameCanary, contentCanary].map((text) => Buffer.from(text))

/** I10, I13: what nobody may see who has no key is in nothing that leaves a device, and in nothing that a cache keeps. */
export class Canaries {
  readonly #kept: { readonly bytes: Buffer; readonly where: string }[] = []
  /** By what they are. */
  readonly #keys = new Map<string, Buffer>()
  frames = 0
  bytes = 0

  /** A frame between two devices. */
  see(between: string, { type }: StreamTopic, ...parts: readonly (Uint8Array | undefined)[]): void {
    this.frames++
    for (const part of parts) {
      if (part === undefined) continue
      const bytes = Buffer.from(part.buffer, part.byteOffset, part.length)
      const where = `a ${type} frame between ${between}`
      this.bytes += bytes.length
      search(bytes, readable, where)
      if (bytes.length <= keptBytes) this.#kept.push({ bytes: Buffer.from(bytes), where })
    }
  }

  /** Keys that this device has by now. */
  learn({ keys, folder, name }: DiskDevice): void {
    this.#keys.set(`${name} signing`, Buffer.from(keys.signingSeed))
    this.#keys.set(`${name} agreement`, Buffer.from(keys.agreementSecret))
    for (const { epoch, key } of folder?.replica.epochKeys() ?? []) this.#keys.set(epoch, Buffer.from(key))
  }

  /** All that went over the wires, with all keys that there ever were. */
  checkWires(): void {
    const keys = [...this.#keys.values()]
    for (const { bytes, where } of this.#kept) search(bytes, keys, where)
  }

  /** All that a device keeps: its log, its databases, every file but its own secrets, which are not on the model disk. */
  checkStores(device: DiskDevice): void {
    const own = new Set([`${device.name} signing`, `${device.name} agreement`])
    const keys = [...this.#keys].filter(([what]) => !own.has(what)).map(([, key]) => key)
    const searched = [...readable, ...keys]
    const { log, databases } = device.stores
    for (const { bytes, number } of log.records()) {
      search(bytes, searched, `record ${number} of the log of ${device.name}`)
    }
    for (const database of databases) searchRows(database, searched, `a database of ${device.name}`)
    for (const start of [home, root]) searchFiles(device, start, searched)
  }
}

function search(bytes: Uint8Array, canaries: readonly Buffer[], where: string): void {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (const canary of canaries) {
    const at = all.indexOf(canary)
    demand(at === -1, 'I10', () => `${where}, at ${at} of ${all.length}: ${canary.toString('latin1')}`)
  }
}

function searchRows(database: DatabaseSync, canaries: readonly Buffer[], where: string): void {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  for (const { name } of tables) {
    for (const row of database.prepare(`SELECT * FROM "${String(name)}"`).iterate()) {
      for (const value of Object.values(row)) {
        if (typeof value === 'string') search(Buffer.from(value), canaries, `${where}, ${String(name)}`)
        else if (value instanceof Uint8Array) search(value, canaries, `${where}, ${String(name)}`)
      }
    }
  }
}

function searchFiles(device: DiskDevice, directory: string, canaries: readonly Buffer[]): void {
  const { model } = device.disk
  for (const { name } of model.list(directory)) {
    const path = `${directory}/${name}`
    search(Buffer.from(name), canaries, `a name on the disk of ${device.name}`)
    const stat = model.stat(path)
    if (stat?.kind === 'directory') searchFiles(device, path, canaries)
    else if (stat?.kind === 'file') {
      const file = model.open(path, 'read')
      const bytes = new Uint8Array(stat.size)
      model.read(file, bytes, 0)
      model.close(file)
      search(bytes, canaries, `${path} of ${device.name}`)
    }
  }
}
