import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { errorCode, HarpError } from '../../base/errors.ts'
import type { z } from 'zod'
import { createDeviceKeys, deviceKeysOf, type DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { SyncEnvironment } from '../config/env.ts'
import { longestName, parseName } from '../config/settings.ts'
import { fromHex, toHex, type DeviceId, type FolderId } from '../ids.ts'
import { deviceErrors, type DeviceErrorCode } from './device-errors.ts'
import { readTextFile, writeDurably, type DurableOptions } from './durable-file.ts'
import { HomeLock } from './home-lock.ts'
import {
  backupNote,
  deviceFile,
  folderFile,
  peerFile,
  restoredFile,
  type BackupNote,
  type FolderRecord,
  type PeerRecord,
  type RestoredFact,
} from './home-records.ts'
import { findSocket, placeSocket } from './socket-place.ts'

export interface NamedDevice extends DeviceKeys {
  readonly name: string
}

/** A text that is kept for somebody else, who knows what it says. */
export interface TextFile {
  load(): string | undefined
  save(text: string): void
}

const formatVersion = 1
const files = {
  format: 'format',
  device: 'device.json',
  folders: 'folders.json',
  peers: 'peers.json',
  restored: 'restored.json',
  backup: 'backup.json',
  lock: 'daemon.lock',
} as const

/** Where the home of this environment is. Reads nothing. */
export function homePath(environment: SyncEnvironment): string {
  const { HARP_HOME: given, XDG_DATA_HOME: data, HOME: user } = environment
  if (given !== undefined && given.trim() !== '') return resolve(given.trim())
  // The XDG rules say to ignore a relative path.
  if (data?.startsWith('/') === true) return join(data, 'harp')
  return join(user?.startsWith('/') === true ? user : homedir(), '.local/share/harp')
}

/** Opens the home, which need not exist. Throws HarpError `SYNC_HOME_FORMAT` if a newer version wrote it. */
export function openHome(environment: SyncEnvironment): DeviceHome {
  const home = new DeviceHome(homePath(environment), environment['XDG_RUNTIME_DIR'])
  home.checkFormat()
  return home
}

/** All that a device keeps beside the folders themselves: keys, registry, lock and socket. For its owner alone. */
export class DeviceHome {
  readonly path: string
  readonly #runtimeDirectory: string | undefined

  constructor(path: string, runtimeDirectory?: string) {
    this.path = path
    this.#runtimeDirectory = runtimeDirectory
  }

  /** Throws HarpError `SYNC_HOME_FORMAT`. */
  checkFormat(): void {
    const text = this.#read(files.format)
    if (text === undefined) return
    const version = /^\d{1,9}\s*$/.test(text) ? Number(text) : Number.NaN
    if (version === formatVersion) return
    throw version > formatVersion
      ? this.#error('SYNC_HOME_FORMAT', `${this.path} has format ${version}, this is for ${formatVersion}`)
      : this.#error('SYNC_HOME_CORRUPT', `${this.#at(files.format)} is no version`)
  }

  get hasDevice(): boolean {
    return existsSync(this.#at(files.device))
  }

  /** Makes the device, never over another one: `SYNC_DEVICE_EXISTS`. The name is the host's unless given. */
  createDevice(suite: CryptoSuite, random: RandomBytes, name?: string): NamedDevice {
    return this.#saveDevice({ ...createDeviceKeys(suite, random), name: name ?? hostName() })
  }

  /**
   * The device of a backup, made again. What the daemon must know of it stays: a folder may be joined much later, and an
   * authority that did not know would publish its statements a second time.
   */
  restoreDevice(device: NamedDevice, fact: RestoredFact): NamedDevice {
    if (this.hasDevice) throw this.#deviceExists()
    this.prepare()
    // First: a device without the fact would go on with a history that is older than what others have of it.
    this.#write(files.restored, toText(fact))
    return this.#saveDevice(device)
  }

  /** Throws HarpError `SYNC_NO_DEVICE`. */
  readDevice(suite: CryptoSuite): NamedDevice {
    const stored = this.#readJson(files.device, deviceFile)
    if (stored === undefined) throw this.#error('SYNC_NO_DEVICE', `there is no device in ${this.path}`)
    const { name, signingSeed, agreementSecret } = stored
    return { ...deviceKeysOf(suite, fromHex(signingSeed), fromHex(agreementSecret)), name }
  }

  /** Undefined: this device was not made from a backup. */
  get restored(): RestoredFact | undefined {
    return this.#readJson(files.restored, restoredFile)
  }

  /** Undefined: no backup of the keys was made, as far as this home knows. */
  get backup(): BackupNote | undefined {
    return this.#readJson(files.backup, backupNote)
  }

  noteBackup(note: BackupNote): void {
    this.#write(files.backup, toText(note))
  }

  folders(): readonly FolderRecord[] {
    return this.#readJson(files.folders, folderFile) ?? []
  }

  saveFolders(folders: readonly FolderRecord[]): void {
    this.#write(files.folders, toText(folders))
  }

  peers(): Readonly<Record<DeviceId, PeerRecord>> {
    return this.#readJson(files.peers, peerFile) ?? {}
  }

  savePeers(peers: Readonly<Record<DeviceId, PeerRecord>>): void {
    this.#write(files.peers, toText(peers))
  }

  textFile(name: string): TextFile {
    return { load: () => this.#read(name), save: (text) => this.#write(name, text) }
  }

  /** Made if it is missing. */
  folderDirectory(folderId: FolderId): string {
    const directory = this.folderPlace(folderId)
    this.#attempt(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }))
    return directory
  }

  /** Where the data of a folder is, or would be. */
  folderPlace(folderId: FolderId): string {
    return join(this.path, 'folders', folderId.slice(0, 16))
  }

  /** For the daemon, for as long as it runs. Throws HarpError `SYNC_HOME_BUSY`. */
  lock(): HomeLock {
    this.prepare()
    return new HomeLock(this.#at(files.lock))
  }

  /** Where clients look for the daemon. */
  get socketPath(): string {
    return findSocket(this.path)
  }

  /** Where the daemon listens. The caller holds the lock. */
  placeSocket(): string {
    return this.#attempt(this.path, () => placeSocket(this.path, this.#runtimeDirectory))
  }

  /** Makes the directory, and says what it is. */
  prepare(): void {
    this.checkFormat()
    this.#attempt(this.path, () => makePrivate(this.path))
    if (this.#read(files.format) === undefined) this.#write(files.format, `${formatVersion}\n`)
  }

  #saveDevice(device: NamedDevice): NamedDevice {
    if (this.hasDevice) throw this.#deviceExists()
    this.prepare()
    const { name, signingSeed, agreementSecret } = device
    const text = toText({ name, signingSeed: toHex(signingSeed), agreementSecret: toHex(agreementSecret) })
    try {
      writeDurably(this.#at(files.device), text, { isNew: true })
    } catch (error) {
      throw errorCode(error) === 'EEXIST'
        ? this.#deviceExists()
        : this.#ioError(this.#at(files.device), error)
    }
    return device
  }

  #deviceExists(): HarpError {
    return this.#error('SYNC_DEVICE_EXISTS', `there is a device in ${this.path} already`)
  }

  #read(name: string): string | undefined {
    return this.#attempt(this.#at(name), () => readTextFile(this.#at(name)))
  }

  #readJson<Value>(name: string, schema: z.ZodType<Value>): Value | undefined {
    const text = this.#read(name)
    if (text === undefined) return undefined
    const parsed = schema.safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    throw this.#error('SYNC_HOME_CORRUPT', `${this.#at(name)} cannot be understood`)
  }

  #write(name: string, text: string, options?: DurableOptions): void {
    this.#attempt(this.#at(name), () => writeDurably(this.#at(name), text, options))
  }

  #at(name: string): string {
    return join(this.path, name)
  }

  #attempt<Value>(path: string, act: () => Value): Value {
    try {
      return act()
    } catch (error) {
      throw error instanceof HarpError ? error : this.#ioError(path, error)
    }
  }

  #ioError(path: string, error: unknown): HarpError {
    return this.#error('SYNC_HOME_IO', `${path}: ${errorCode(error)}`, error)
  }

  #error(code: DeviceErrorCode, message: string, cause?: unknown): HarpError {
    return new HarpError(code, message, { fix: deviceErrors[code].fix, cause })
  }
}

function hostName(): string {
  return parseName(hostname().slice(0, longestName)) ?? 'device'
}

/** What was there before and holds other things keeps its mode: somebody else may count on it. */
function makePrivate(path: string): void {
  makeDirectories(path)
  const found = lstatSync(path)
  const isOurs = readdirSync(path).length === 0 || existsSync(join(path, files.format))
  if (isOurs && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) !== 0) {
    chmodSync(path, 0o700)
  }
}

function makeDirectories(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') return
    // NOTE: not `recursive`: Node 24 never returns where the system refuses inside a directory that exists (/proc).
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    makeDirectories(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
