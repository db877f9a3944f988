import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { z } from 'zod'
import { HarpError } from '../../base/errors.ts'
import { deviceErrors, type DeviceErrorCode } from './device-errors.ts'
import { deviceFile, folderKeysList } from './home-records.ts'

/** What a backup brings back. */
export interface BackedUpKeys {
  readonly device: z.infer<typeof deviceFile>
  readonly folders: z.infer<typeof folderKeysList>
}

export const shortestPassphrase = 8
/** Half a second and 128 MiB for each guess. */
const usualCost = 2 ** 17
const mostCost = 2 ** 20
const mostBytes = 64 * 1024 * 1024

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))

const backupFile = z.object({
  format: z.literal('harp-key-backup'),
  version: z.literal(1),
  kdf: z.literal('scrypt'),
  n: z
    .number()
    .int()
    .min(2 ** 10)
    .max(mostCost)
    .refine((n) => Number.isInteger(Math.log2(n))),
  r: z.literal(8),
  p: z.literal(1),
  salt: hex(64),
  cipher: z.literal('aes-256-gcm'),
  nonce: hex(24),
  tag: hex(32),
  data: z.base64(),
})

const content = z.object({ device: deviceFile, folders: folderKeysList })

/** The text of a backup: JSON that says how it is sealed, and nothing of what is in it. */
export function sealBackup(keys: BackedUpKeys, passphrase: string, cost: number = usualCost): string {
  const salt = randomBytes(32)
  const nonce = randomBytes(12)
  const header = headerOf(cost, salt.toString('hex'))
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, salt, cost), nonce)
  cipher.setAAD(Buffer.from(JSON.stringify(header)))
  const data = Buffer.concat([cipher.update(JSON.stringify(keys), 'utf8'), cipher.final()])
  const file = {
    ...header,
    cipher: 'aes-256-gcm',
    nonce: nonce.toString('hex'),
    tag: cipher.getAuthTag().toString('hex'),
    data: data.toString('base64'),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** Throws HarpError `SYNC_BACKUP_FORMAT` or `SYNC_BACKUP_PASSPHRASE`. */
export function openBackup(text: string, passphrase: string): BackedUpKeys {
  const file = text.length > mostBytes ? undefined : backupFile.safeParse(parseJson(text)).data
  if (file === undefined) throw backupError('SYNC_BACKUP_FORMAT', 'this is no backup of keys')
  const { n, salt, nonce, tag, data } = file
  const key = keyOf(passphrase, Buffer.from(salt, 'hex'), n)
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'hex'))
  decipher.setAAD(Buffer.from(JSON.stringify(headerOf(n, salt))))
  decipher.setAuthTag(Buffer.from(tag, 'hex'))
  let opened: string
  try {
    opened = Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]).toString('utf8')
  } catch {
    throw backupError('SYNC_BACKUP_PASSPHRASE', 'the passphrase does not open this backup')
  }
  const keys = content.safeParse(parseJson(opened)).data
  if (keys === undefined) throw backupError('SYNC_BACKUP_FORMAT', 'the backup does not hold what it should')
  return keys
}

function headerOf(n: number, salt: string) {
  return { format: 'harp-key-backup', version: 1, kdf: 'scrypt', n, r: 8, p: 1, salt } as const
}

function keyOf(passphrase: string, salt: Uint8Array, n: number): Buffer {
  return scryptSync(passphrase.normalize('NFC'), salt, 32, {
    N: n,
    r: 8,
    p: 1,
    maxmem: 130 * 8 * n + 2 ** 20,
  })
}

function backupError(code: DeviceErrorCode, message: string): HarpError {
  return new HarpError(code, message, { fix: deviceErrors[code].fix })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
