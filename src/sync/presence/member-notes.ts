import { encodeCbor, inRange, type CborValue } from '../format/cbor.ts'
import { Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { idBytes } from '../format/rules.ts'
import { hashLength, type DeviceId } from '../ids.ts'
import { presenceLimits as limits } from './presence-limits.ts'
import { keepNames, type State } from './presence-message.ts'

/** What a member said last of itself, and when. */
export interface MemberNote {
  readonly keep: State['keep']
  readonly isComplete: boolean
  readonly chunkBytes: number
  readonly heardAt: number
}

/** `since`: when this began to be written down. Those heard of last, if there are more than are remembered. */
export function encodeNotes(notes: ReadonlyMap<DeviceId, MemberNote>, since: number): Uint8Array {
  const kept = [...notes].sort(([, a], [, b]) => b.heardAt - a.heardAt).slice(0, limits.members)
  return encodeCbor(
    new Map<number, CborValue>([
      [
        1,
        kept.map(([device, { keep, isComplete, chunkBytes, heardAt }]) => [
          idBytes(device, hashLength),
          keepNames.indexOf(keep),
          isComplete,
          chunkBytes,
          Math.floor(heardAt),
        ]),
      ],
      [2, Math.max(0, Math.floor(since))],
    ]),
  )
}

/** Of this device's own store; what cannot be read is as if it had never been heard. */
export function decodeNotes(bytes: Uint8Array | undefined): Map<DeviceId, MemberNote> {
  const notes = new Map<DeviceId, MemberNote>()
  if (bytes === undefined) return notes
  try {
    for (const item of Fields.of(bytes).list(1, limits.members)) {
      const note = readNote(item)
      if (note !== undefined) notes.set(...note)
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
  return notes
}

/** Undefined if it was never written down, or cannot be read. */
export function decodeSince(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined) return undefined
  try {
    return Fields.of(bytes).uint(2)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return undefined
  }
}

function readNote(item: unknown): [DeviceId, MemberNote] | undefined {
  if (!Array.isArray(item)) return undefined
  const [id, keepIndex, isComplete, chunkBytes, heardAt] = item as unknown[]
  const keep = typeof keepIndex === 'number' ? keepNames[keepIndex] : undefined
  if (!(id instanceof Uint8Array) || id.length !== hashLength || keep === undefined) return undefined
  if (typeof isComplete !== 'boolean' || !isAmount(chunkBytes) || !isAmount(heardAt)) return undefined
  return [Buffer.from(id).toString('hex'), { keep, isComplete, chunkBytes, heardAt }]
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && inRange(value, 0, Number.MAX_SAFE_INTEGER)
}
