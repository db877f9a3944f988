import { freeMemory } from '../../base/free-memory.ts'

/**
 * What is sent to another thread is copied, an array always with all of the memory that it is a view of: so a small view
 * of a large buffer would cost the whole. And large arrays are handed over rather than copied.
 */
export interface Message {
  readonly value: unknown
  /** Handed over: not to be used here any more. */
  readonly transfer: readonly ArrayBuffer[]
}

/** From here on it is cheaper to hand an array over. */
const largeFrom = 32_768
/** Memory that is sent without being used; above it, every view is copied to memory of its own first. */
const waste = 262_144

/**
 * For the caller's data, which stays the caller's: what is large is copied once, and the copy handed over. With `isGiven`
 * large arrays with memory of their own are handed over themselves.
 */
export function messageOf(value: unknown, isGiven = false): Message {
  const seen: Seen = { buffers: new Set(), large: 0, used: 0 }
  look(value, seen)
  let memory = 0
  for (const buffer of seen.buffers) memory += buffer.byteLength
  const copiesAll = memory > seen.used * 2 + waste
  if (seen.large === 0 && !copiesAll) return { value, transfer: [] }
  const copier = { copiesAll, isGiven, transfer: new Set<ArrayBuffer>() }
  return { value: withCopies(value, copier), transfer: [...copier.transfer] }
}

/** For a job's result, which nobody here needs any more: all large arrays are handed over as they are. */
export function resultMessageOf(value: unknown): Message {
  const buffers = new Set<ArrayBuffer>()
  collectLarge(value, buffers)
  return { value, transfer: [...buffers] }
}

/** Of data that came to this thread and is not needed any more; what was handed over elsewhere is not here any more. */
export function freeMessage(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Uint8Array) freeMemory(value)
  else if (Array.isArray(value)) for (const item of value) freeMessage(item)
  else if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) freeMessage(item)
}

interface Seen {
  /** Of small views. */
  readonly buffers: Set<ArrayBufferLike>
  large: number
  used: number
}

function look(value: unknown, seen: Seen): void {
  if (typeof value !== 'object' || value === null) return
  if (ArrayBuffer.isView(value)) {
    if (value.byteLength >= largeFrom) {
      seen.large++
      return
    }
    seen.buffers.add(value.buffer)
    seen.used += value.byteLength
    return
  }
  if (Array.isArray(value)) for (const item of value) look(item, seen)
  else for (const item of Object.values(value)) look(item, seen)
}

interface Copier {
  readonly copiesAll: boolean
  readonly isGiven: boolean
  readonly transfer: Set<ArrayBuffer>
}

function withCopies(value: unknown, copier: Copier): unknown {
  // Memory that is shared stays the caller's as well.
  if (typeof value !== 'object' || value === null || value instanceof SharedArrayBuffer) return value
  if (value instanceof Uint8Array || value instanceof Uint32Array) {
    const isLarge = value.byteLength >= largeFrom
    if (!isLarge && !copier.copiesAll) return value
    const own = copier.isGiven ? ownMemoryOf(value) : undefined
    if (own !== undefined) {
      copier.transfer.add(own)
      return value
    }
    const copy = value instanceof Uint8Array ? Uint8Array.from(value) : Uint32Array.from(value)
    if (isLarge) copier.transfer.add(copy.buffer)
    return copy
  }
  if (Array.isArray(value)) return value.map((item: unknown) => withCopies(item, copier))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withCopies(item, copier)]))
}

function collectLarge(value: unknown, buffers: Set<ArrayBuffer>): void {
  if (typeof value !== 'object' || value === null) return
  if (ArrayBuffer.isView(value)) {
    const own = ownMemoryOf(value)
    if (own !== undefined) buffers.add(own)
    return
  }
  if (Array.isArray(value)) for (const item of value) collectLarge(item, buffers)
  else for (const item of Object.values(value)) collectLarge(item, buffers)
}

/** Undefined for small arrays, and for a part of a larger memory, which may have other parts in use. */
function ownMemoryOf({ buffer, byteLength }: ArrayBufferView): ArrayBuffer | undefined {
  const isAlone = byteLength >= largeFrom && byteLength === buffer.byteLength
  return isAlone && buffer instanceof ArrayBuffer ? buffer : undefined
}
