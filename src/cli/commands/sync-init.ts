import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errorCode, HarpError } from '../../base/errors.ts'
import {
  deviceKeysOf,
  deviceText,
  fromHex,
  nodeSuite,
  openBackup,
  openHome,
  parseName,
  readSyncEnvironment,
  sealBackup,
  toHex,
  writeDurably,
  type BackedUpKeys,
  type DeviceHome,
  type NamedDevice,
  type SyncEnvironment,
} from '../../sync/index.ts'
import { printLine } from '../output.ts'
import { readPassphrase, terminalQuestions } from '../passphrase.ts'
import { cliError, connectToDaemon, usageError } from '../running-daemon.ts'

export interface InitOptions {
  readonly name?: string | undefined
  readonly restore?: string | undefined
  readonly passphraseFile?: string | undefined
  readonly json?: boolean | undefined
}

/** `harp init`: makes the device of this home, or makes that of a backup again. */
export async function initDevice(options: InitOptions): Promise<void> {
  const environment = readSyncEnvironment()
  const home = openHome(environment)
  // Before anybody is asked for a passphrase.
  if (home.hasDevice) throw cliError('SYNC_DEVICE_EXISTS', `there is a device in ${home.path} already`)
  const name = chosenName(options.name ?? environment['HARP_NAME'])
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
  const device =
    options.restore === undefined
      ? home.createDevice(nodeSuite, random, name)
      : await restoreDevice({ ...options, file: options.restore }, { home, environment, name })
  const id = deviceText(nodeSuite, device.deviceId)
  if (options.json === true) {
    const restored = options.restore !== undefined
    printLine(JSON.stringify({ device: { id, name: device.name }, home: home.path, restored }))
    return
  }
  printLine(`This device is called ${device.name}. Its keys are in ${home.path}`)
  printLine(
    options.restore === undefined
      ? 'Keep a copy of them with `harp backup-key`. Next: `harp up`. Its id:'
      : 'Next: `harp up`, and join its folders again by invitations. Its id:',
  )
  printLine(id)
}

interface Restoring {
  readonly home: DeviceHome
  readonly environment: SyncEnvironment
  readonly name: string | undefined
}

async function restoreDevice(
  { file, passphraseFile }: { readonly file: string; readonly passphraseFile?: string | undefined },
  { home, environment, name }: Restoring,
): Promise<NamedDevice> {
  const text = readBackup(file)
  const passphrase = await readPassphrase(passphraseSource(environment, passphraseFile), 'known')
  const { device, folders } = openBackup(text, passphrase)
  const keys = deviceKeysOf(nodeSuite, fromHex(device.signingSeed), fromHex(device.agreementSecret))
  const restored = { ...keys, name: name ?? device.name }
  return home.restoreDevice(restored, { time: new Date().toISOString(), folders })
}

export interface BackupOptions {
  readonly output: string
  readonly passphraseFile?: string | undefined
  readonly json?: boolean | undefined
}

/** `harp backup-key -o FILE`: the keys of the device, and of its folders if the daemon can tell them. */
export async function backupKey(options: BackupOptions): Promise<void> {
  const environment = readSyncEnvironment()
  const home = openHome(environment)
  const { name, signingSeed, agreementSecret } = home.readDevice(nodeSuite)
  const folders = await folderKeys()
  const keys: BackedUpKeys = {
    device: { name, signingSeed: toHex(signingSeed), agreementSecret: toHex(agreementSecret) },
    folders: folders ?? [],
  }
  const passphrase = await readPassphrase(passphraseSource(environment, options.passphraseFile), 'new')
  try {
    writeDurably(options.output, sealBackup(keys, passphrase))
  } catch (error) {
    throw cliError('SYNC_FILE', `${options.output} cannot be written: ${errorCode(error)}`, error)
  }
  noteBackup(home, keys)
  const complete = folders !== undefined
  if (options.json === true) {
    printLine(JSON.stringify({ file: options.output, folders: keys.folders.length, complete }))
    return
  }
  printLine(
    complete
      ? `The keys of this device and of ${keys.folders.length} folders are in ${options.output}`
      : `The keys of this device are in ${options.output}; those of its folders are not, since the daemon does not run.`,
  )
  printLine(
    'Whoever has this file and its passphrase is this device. Without the passphrase it is worth nothing.',
  )
}

/** For `harp doctor sync`. The backup is made, whether or not the home takes a note of it. */
function noteBackup(home: DeviceHome, { folders }: BackedUpKeys): void {
  try {
    home.noteBackup({ time: new Date().toISOString(), folders: folders.map(({ folder }) => folder) })
  } catch (error) {
    if (!(error instanceof HarpError)) throw error
  }
}

/** Undefined without a daemon. */
async function folderKeys(): Promise<BackedUpKeys['folders'] | undefined> {
  try {
    return [...(await connectToDaemon().call('folderKeys'))].map((folder) => ({
      ...folder,
      keys: [...folder.keys],
    }))
  } catch (error) {
    if (error instanceof HarpError && error.code === 'SYNC_NOT_RUNNING') return undefined
    throw error
  }
}

function passphraseSource(environment: SyncEnvironment, file: string | undefined) {
  return { file, environment: environment['HARP_PASSPHRASE'], ask: terminalQuestions() }
}

function chosenName(text: string | undefined): string | undefined {
  if (text === undefined || text.trim() === '') return undefined
  const name = parseName(text)
  if (name === undefined) {
    throw usageError('this cannot be the name of a device', 'write 1 to 64 ordinary characters')
  }
  return name
}

function readBackup(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw cliError('SYNC_FILE', `${file} cannot be read: ${errorCode(error)}`, error)
  }
}
