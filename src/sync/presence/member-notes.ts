import { encodeCbor, inRange } from '../format/cbor.ts'
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

/** Those heard of last, if there are more than are remembered. */
export function encodeNotes(notes: ReadonlyMap<DeviceId, MemberNote>): Uint8Array {
  const kept = [...notes].sort(([, a], [, b]) => b.heardAt - a.heardAt).slice(0, limits.members)
  return encodeCbor(
    new Map([
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
