import { HarpError } from '../base/errors.ts'
import {
  decodeHistoryProof,
  decodeStatement,
  findDevice,
  findFolder,
  nodeSuite,
  type DeviceHome,
  type DeviceId,
  type KnownDevice,
} from '../sync/index.ts'
import { DetailedError } from './report-error.ts'
import { cliError, connectToDaemon, openThisHome, parseDeviceId } from './running-daemon.ts'

/** What the reader of a proof believes, from its own words or its own home: never from the proof. */
export interface TrustRoot {
  readonly trust: {
    readonly folderId: string
    readonly devices: readonly DeviceId[]
    readonly authority?: DeviceId
  }
  readonly nameOf: NameOf
}

export type NameOf = (device: DeviceId) => string | undefined

export interface TrustOptions {
  readonly folder?: string | undefined
  readonly trust?: readonly string[] | undefined
}

/** Throws HarpError `SYNC_NO_TRUST`. */
export async function findTrust(options: TrustOptions, proof: Uint8Array): Promise<TrustRoot> {
  const { folder, trust = [] } = options
  if (folder !== undefined && trust.length > 0) return givenTrust(folder, trust)
  if (trust.length > 0) throw noTrust('--trust says nothing without --folder')
  try {
    return await trustOfDaemon(folder ?? claimedFolder(proof))
  } catch (error) {
    if (!(error instanceof HarpError)) throw error
    switch (error.code) {
      case 'SYNC_NOT_RUNNING':
        throw noTrust('no daemon runs here that could tell the members of the folder', error)
      case 'SYNC_FOLDER_UNKNOWN':
      case 'SYNC_AMBIGUOUS':
        throw noTrust('the folder of the proof is none of this device', error)
      default:
        throw error
    }
  }
}

function givenTrust(folder: string, trust: readonly string[]): TrustRoot {
  const home = readableHome()
  const known = home === undefined ? [] : knownDevices(home)
  const isWhole = /^[0-9a-f]{64}$/i.test(folder)
  try {
    const folderId = isWhole ? folder.toLowerCase() : findFolder(home?.folders() ?? [], folder).id
    const devices = trust.map((text) => parseDeviceId(text) ?? findDevice(nodeSuite, known, text).id)
    return { trust: { folderId, devices }, nameOf: namesOf(known) }
  } catch (error) {
    throw error instanceof HarpError ? noTrust(error.message, error) : error
  }
}

/** Undefined if there is none that can be read: whole ids need no home. */
function readableHome(): DeviceHome | undefined {
  try {
    const home = openThisHome()
    knownDevices(home)
    return home
  } catch {
    return undefined
  }
}

async function trustOfDaemon(folder: string): Promise<TrustRoot> {
  const { folder: folderId, devices, authority } = await connectToDaemon().call('trust', { folder })
  const known = devices.flatMap(({ id, name }) => {
    const hex = parseDeviceId(id)
    return hex === undefined ? [] : [{ id: hex, name }]
  })
  const final = authority === null ? undefined : parseDeviceId(authority)
  const trust = { folderId, devices: known.map(({ id }) => id) }
  return { trust: final === undefined ? trust : { ...trust, authority: final }, nameOf: namesOf(known) }
}

/** Only to ask for: whether the statement is about a folder of ours is what the daemon says. */
function claimedFolder(proof: Uint8Array): string {
  try {
    return decodeStatement(decodeHistoryProof(proof).statement).folderId
  } catch {
    throw new DetailedError(
      'SYNC_PROOF_REFUSED',
      'refused: not a proof in its one encoding',
      'ask for it again',
      {
        reason: 'malformed',
      },
    )
  }
}

/** This device and those that it was linked with. */
function knownDevices(home: DeviceHome): readonly KnownDevice[] {
  const own = home.hasDevice
    ? [home.readDevice(nodeSuite)].map(({ deviceId, name }) => ({ id: deviceId, name }))
    : []
  const peers = Object.entries(home.peers()).map(([id, { name }]) => ({ id, name }))
  return [...own, ...peers]
}

function namesOf(devices: readonly KnownDevice[]): NameOf {
  const names = new Map(devices.map(({ id, name }) => [id, name]))
  return (device) => names.get(device)
}

function noTrust(message: string, cause?: unknown): HarpError {
  return cliError('SYNC_NO_TRUST', message, cause)
}
