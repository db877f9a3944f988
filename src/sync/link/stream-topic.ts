import { encodeCbor, requireSame } from '../format/cbor.ts'
import { Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { idBytes } from '../format/rules.ts'
import { hashLength } from '../ids.ts'
import type { StreamTopic } from './link.ts'

const types = ['log', 'chunks', 'presence'] as const

/** The head of a stream's first frame. */
export function encodeTopic(topic: StreamTopic): Uint8Array {
  return encodeCbor(
    new Map<number, number | Uint8Array>([
      [1, types.indexOf(topic.type)],
      [2, idBytes(topic.folderId, hashLength)],
    ]),
  )
}

/** Undefined if it is none. */
export function decodeTopic(bytes: Uint8Array): StreamTopic | undefined {
  try {
    const fields = Fields.of(bytes, 8)
    const topic: StreamTopic = { type: fields.choice(1, types), folderId: fields.id(2, hashLength) }
    fields.end()
    requireSame(bytes, encodeTopic(topic))
    return topic
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
