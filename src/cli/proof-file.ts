import { readFileSync, statSync } from 'node:fs'
import { errorCode } from '../base/errors.ts'
import { cliError } from './running-daemon.ts'

/** More than a proof may have, in base64 and JSON as well. */
const mostBytes = 16 * 1024 * 1024

/** A proof as `harp proof` writes it: raw, in base64, or in JSON. What is none of these is for the verifier to refuse. */
export function readProof(file: string): Uint8Array {
  const bytes = readBytes(file)
  // A proof is a CBOR map; none of the texts begins with such a byte.
  if (((bytes[0] ?? 0) & 0xe0) === 0xa0) return bytes
  const text = bytes.toString('latin1').trim()
  const base64 = text.startsWith('{') ? (proofField(text) ?? '') : text.replaceAll(/\s/g, '')
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64)
  return isBase64 ? Uint8Array.from(Buffer.from(base64, 'base64')) : bytes
}

function proofField(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const proof = typeof value === 'object' && value !== null && 'proof' in value ? value.proof : undefined
    return typeof proof === 'string' ? proof : undefined
  } catch {
    return undefined
  }
}

function readBytes(file: string): Buffer {
  try {
    if (file !== '-' && statSync(file).size > mostBytes) return Buffer.alloc(mostBytes)
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw cliError('SYNC_FILE', `${file} cannot be read: ${errorCode(error)}`, error)
  }
}
