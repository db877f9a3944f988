import { ownFrom } from './free-memory.ts'

/** Bytes that nothing else lies beside, so that they can be given to a thread, or back; not zeroed. */
export function ownMemory(length: number): Uint8Array<ArrayBuffer> {
  return length < ownFrom ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}
