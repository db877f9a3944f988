/** `tokens.json` in the state directory. A crash leaves the old or the new content, never a part of either. */
import { open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'
import type { TokenRecord } from './token-record.ts'

const format = 'harp-tokens'
const version = 1
/** 10,000 tokens take less than 4 MiB. */
const maxFileBytes = 8 * 1_048_576

const isoTime = z.iso.datetime()
const header = z.object({ format: z.literal(format), version: z.number() })
// NOTE: strict, since a field that is not known here would be lost with the next write.
const content = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  tokens: z.array(
    z.strictObject({
      id: z.string().regex(/^[0-9a-f]{8}$/),
      kind: z.enum(['app', 'engine']),
      name: z.string().min(1).max(64),
      port: z.number().int().nullable(),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      createdAt: isoTime,
      lastUsedAt: isoTime.nullable(),
      lastPeer: z.string().max(64).nullable(),
    }),
  ),
})

export function tokenFilePath(stateDir: string): string {
  return join(stateDir, 'tokens.json')
}

/** No file is no tokens. Rejects with TOKENS_UNUSABLE for everything else that cannot be understood; changes nothing. */
export async function readTokenFile(path: string): Promise<readonly TokenRecord[]> {
  const text = await readSmallFile(path)
  if (text === null) return []
  const value = parse(text)
  const head = header.safeParse(value)
  if (!head.success) throw unusable(`${path} is damaged, or no file of Harp`)
  if (head.data.version !== version) {
    throw unusable(`${path} has version ${head.data.version}, and this Harp knows version ${version} only`)
  }
  const parsed = content.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw unusable(`${path} is damaged at ${issue?.path.join('.') ?? 'its start'}`)
  }
  const { tokens } = parsed.data
  const isUnique = [tokens.map((token) => token.id), tokens.map((token) => token.hash)].every(
    (keys) => new Set(keys).size === keys.length,
  )
  if (!isUnique) throw unusable(`${path} has a token twice`)
  return tokens
}

/** When this resolves the content is on the disk. One call at a time. Rejects with the system's error. */
export async function writeTokenFile(path: string, tokens: Iterable<TokenRecord>): Promise<void> {
  const temporary = `${path}.tmp`
  await unlink(temporary).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error
  })
  // NOTE: 'x' does not follow a link that somebody put there.
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify({ format, version, tokens: [...tokens] }, null, 1)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncDirectory(path)
}

/** The new name is in the directory, which is written on its own. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(join(path, '..'), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function readSmallFile(path: string): Promise<string | null> {
  try {
    const file = await open(path, 'r')
    try {
      const stats = await file.stat()
      if (!stats.isFile() || stats.size > maxFileBytes) {
        throw unusable(`${path} is not a regular file of at most ${maxFileBytes} bytes`)
      }
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw code === 'TOKENS_UNUSABLE' ? error : unusable(`${path} cannot be read (${code})`, error)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // NOTE: the message of JSON.parse quotes the file; "damaged" says enough.
    return undefined
  }
}

function unusable(message: string, cause?: unknown): Error {
  return gatewayError('TOKENS_UNUSABLE', message, { cause })
}
