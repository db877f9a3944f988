import { HarpError } from '../../base/errors.ts'
import { deviceText } from '../format/device-text.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceId, FolderId } from '../ids.ts'
import { deviceErrors, type DeviceErrorCode } from './device-errors.ts'

/** FOLDER and DEVICE of the command line (docs/spec/cli.md, section 2). */

const shortestPrefix = 4

export interface NamedFolder {
  readonly id: FolderId
  readonly name: string
  /** Absolute. */
  readonly path: string
}

export interface KnownDevice {
  /** 64 hex digits. */
  readonly id: DeviceId
  readonly name: string
}

/** By exact name, else by the path at which it is, else by a prefix of its id. Throws HarpError. */
export function findFolder<Folder extends NamedFolder>(folders: Iterable<Folder>, text: string): Folder {
  const all = [...folders]
  const prefix = text.toLowerCase()
  const isPrefix = prefix.length >= shortestPrefix && /^[0-9a-f]+$/.test(prefix)
  const found = firstThatFits([
    all.filter(({ name }) => name === text),
    all.filter(({ path }) => path === text),
    isPrefix ? all.filter(({ id }) => id.startsWith(prefix)) : [],
  ])
  return theOnly(found, 'SYNC_FOLDER_UNKNOWN', `folder "${text}"`)
}

/** By exact name, else by a prefix of its id in one of its two forms. Throws HarpError. */
export function findDevice<Device extends KnownDevice>(
  suite: CryptoSuite,
  devices: Iterable<Device>,
  text: string,
): Device {
  const all = [...devices]
  const prefix = text.replaceAll(/[\s-]/g, '').toLowerCase()
  const starts = (id: string): boolean =>
    id.startsWith(prefix) || deviceText(suite, id).replaceAll('-', '').toLowerCase().startsWith(prefix)
  const found = firstThatFits([
    all.filter(({ name }) => name === text),
    prefix.length >= shortestPrefix ? all.filter(({ id }) => starts(id)) : [],
  ])
  return theOnly(found, 'SYNC_DEVICE_UNKNOWN', `device "${text}"`)
}

/** A name that is also the beginning of another's id is a name. */
function firstThatFits<Item>(kinds: readonly (readonly Item[])[]): readonly Item[] {
  return kinds.find((items) => items.length > 0) ?? []
}

function theOnly<Item>(found: readonly Item[], unknown: DeviceErrorCode, what: string): Item {
  const [first, second] = found
  if (first === undefined) throw lookupError(unknown, `there is no ${what} here`)
  if (second !== undefined) throw lookupError('SYNC_AMBIGUOUS', `more than one fits: ${what}`)
  return first
}

function lookupError(code: DeviceErrorCode, message: string): HarpError {
  return new HarpError(code, message, { fix: deviceErrors[code].fix })
}
