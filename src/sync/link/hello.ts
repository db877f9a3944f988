import { printable } from '../../base/printable.ts'
import { parseHostPort } from '../../net/address.ts'
import { encodeCbor, requireSame } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { asUint, Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { idBytes, requireAtMost, requireText } from '../format/rules.ts'
import { shortIdLength } from '../ids.ts'
import { linkLimits, reasonBytes } from './link-limits.ts'

/** What is said on a link's first stream: who is there, that something is wanted again, and why it ends. */
export type ControlMessage = Hello | { readonly type: 'poke' } | Goodbye

export interface Hello {
  readonly type: 'hello'
  /** Of this run of the daemon: 32 hex digits. */
  readonly instance: string
  readonly name: string
  /** `host:port` each. */
  readonly listens: readonly string[]
  /** Numbers of what it can do besides, see `linkFeatures`; unknown ones mean nothing. */
  readonly features: readonly number[]
}

export interface Goodbye {
  readonly type: 'goodbye'
  readonly reason: string
}

/** What not all versions can do. */
export const linkFeatures = { presence: 1 } as const

const types = ['hello', 'poke', 'goodbye'] as const
const version = 1
const nameBytes = 4 * linkLimits.nameCharacters
const mostItems = 128

export function encodeControl(message: ControlMessage): Uint8Array {
  const fields = new Map<number, CborValue>([[0, types.indexOf(message.type)]])
  if (message.type === 'hello') {
    fields.set(1, version)
    fields.set(2, idBytes(message.instance, shortIdLength))
    fields.set(3, requireText(message.name, nameBytes))
    fields.set(4, addressItems(message.listens))
    requireAtMost(message.features.length, linkLimits.features)
    fields.set(5, message.features)
  } else if (message.type === 'goodbye') {
    fields.set(1, requireText(message.reason, reasonBytes))
  }
  return encodeCbor(fields)
}

/** The reason if it is no message. Names of others come out fit to be shown. */
export function decodeControl(bytes: Uint8Array): ControlMessage | FormatError {
  try {
    const fields = Fields.of(bytes, mostItems)
    const message = readMessage(fields, fields.choice(0, types))
    fields.end()
    requireSame(bytes, encodeControl(message))
    return message.type === 'hello' ? { ...message, name: deviceName(message.name) } : message
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
}

function readMessage(fields: Fields, type: (typeof types)[number]): ControlMessage {
  if (type === 'poke') return { type }
  if (type === 'goodbye') return { type, reason: fields.text(1) }
  fields.version(1)
  return {
    type,
    instance: fields.id(2, shortIdLength),
    name: fields.text(3),
    listens: readAddresses(fields.list(4, linkLimits.addresses)),
    features: fields.list(5, linkLimits.features).map(asUint),
  }
}

/** One line, not too long, never empty. */
export function deviceName(text: string): string {
  // NOTE: a text that is cut gets one more character, and may be cut in the middle of one.
  return printable(text.toWellFormed(), linkLimits.nameCharacters - 1).toWellFormed() || 'unnamed'
}

export function addressItems(addresses: readonly string[]): CborValue {
  requireAtMost(addresses.length, linkLimits.addresses)
  return addresses.map((address) => requireText(address, linkLimits.addressCharacters))
}

export function readAddresses(items: readonly unknown[]): string[] {
  return items.map((item) => {
    if (typeof item !== 'string') throw new FormatError('shape', 'not an address')
    const target = parseHostPort(item)
    if (target === undefined || target.port === 0) throw new FormatError('text', 'not an address')
    return item
  })
}
