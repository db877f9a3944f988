import { sealedOverhead } from '../content/content.ts'
import { hashLength } from '../ids.ts'
import type { ChunkSource } from '../work/job.ts'

/** What one end was asked for by one message. */
export interface AskedChunks {
  readonly kind: 'chunks'
  readonly number: number
  readonly ids: Uint8Array
  /** From which place on nothing is being read yet. */
  next: number
  /** Places without an answer. */
  unanswered: number
  isCancelled: boolean
}
export interface AskedList {
  readonly kind: 'list'
  readonly number: number
  readonly hash: string
  readonly offset: number
  readonly length: number
  unanswered: number
  isCancelled: boolean
}
export type Asked = AskedChunks | AskedList

/** Neighbouring chunks of one request on their way from the disk to the stream. */
export class ServeBatch {
  readonly request: AskedChunks
  readonly first: number
  readonly sources: (ChunkSource | undefined)[] = []
  readonly sealed: (Uint8Array | undefined)[] = []
  /** Held in memory, or soon. */
  bytes = 0
  isReady = false
  /** Of its chunks. */
  sent = 0

  constructor(request: AskedChunks) {
    this.request = request
    this.first = request.next
  }

  get count(): number {
    return this.sources.length
  }

  id(index: number): Uint8Array {
    const at = (this.first + index) * hashLength
    return this.request.ids.subarray(at, at + hashLength)
  }

  /** `held`: it need not be read. */
  add(source: ChunkSource | undefined, held?: Uint8Array): void {
    this.sources.push(source)
    this.sealed.push(held)
    this.bytes += source === undefined ? (held?.length ?? 0) : sealedBytes(source)
  }
}

export function sealedBytes(source: ChunkSource): number {
  return source.in === 'pack' ? source.sealedLength : source.length + sealedOverhead
}

/** One payload of several chunks; without copying where they lie one after the other already. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  if (first === undefined) return new Uint8Array(0)
  if (parts.length === 1) return first
  let length = 0
  let isRow = true
  for (const part of parts) {
    isRow &&= part.buffer === first.buffer && part.byteOffset === first.byteOffset + length
    length += part.length
  }
  if (isRow) return new Uint8Array(first.buffer, first.byteOffset, length)
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}
