/** `certificate-holders.json` in the state directory: who last connected with which client certificate. */
import { readFileSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'

const format = 'harp-certificate-holders'
const version = 1
/** The most that the file can have: 2,000 entries take about 1 MiB. */
export const maxHolders = 2_000
const maxFileBytes = 4 * 1_048_576

const fingerprint = z.string().regex(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/)
const holder = z.strictObject({
  /** Of the proxy: an app's id, or what an engine is called. */
  name: z.string().min(1).max(256),
  port: z.number().int(),
  address: z.string().max(64),
  lastSeen: z.iso.datetime(),
  certificate: z.strictObject({
    fingerprint256: fingerprint,
    serialNumber: z.string().max(64),
    validTo: z.iso.datetime(),
    /** Of the CA that signed it; null: not known. */
    issuerFingerprint: fingerprint.nullable(),
  }),
})
const content = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  holders: z.array(holder).max(maxHolders),
})

/** Times are ISO 8601, fingerprints SHA-256 in capital hex with colons. */
export type CertificateHolder = Readonly<z.infer<typeof holder>>

export function holderFilePath(stateDir: string): string {
  return join(stateDir, 'certificate-holders.json')
}

/** The longest unseen first. No file is no holders; throws a HarpError where it cannot be understood. */
export function readHolderFile(path: string): readonly CertificateHolder[] {
  const unusable = (problem: string): HarpError => gatewayError('HOLDERS_UNUSABLE', `${path} ${problem}`)
  let text: string
  try {
    const stats = statSync(path)
    if (!stats.isFile() || stats.size > maxFileBytes) throw unusable('is not a file of Harp')
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return []
    throw error instanceof HarpError ? error : unusable(`cannot be read: ${errorMessage(error)}`)
  }
  const parsed = content.safeParse(parseJson(text))
  if (!parsed.success) {
    throw unusable(`is damaged at ${parsed.error.issues[0]?.path.join('.') || 'its start'}`)
  }
  return parsed.data.holders
}

/** A crash leaves the old or the new content. One call at a time. */
export async function writeHolderFile(path: string, holders: readonly CertificateHolder[]): Promise<void> {
  const aside = `${path}.tmp`
  await rm(aside, { force: true })
  // NOTE: 'x' does not follow a link that somebody put there.
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify({ format, version, holders }, null, 1)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(aside, path)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // NOTE: the schema says "damaged at its start" then.
    return undefined
  }
}
