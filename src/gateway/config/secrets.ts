/**
 * The shared key, in the order of the contract's section 1.2, and the checks of weakness W2. No problem reported
 * here ever carries the key, or a path that may be the key put into the wrong variable.
 */
import { errorCode } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import type { ConfigFiles } from './config.ts'
import { type SettingsReader, unquote } from './settings-reader.ts'

/** From this length on, guessing over the network is hopeless whatever the key is made of. */
const advisedKeyLength = 16

/** undefined: a fatal problem was reported. */
export function readSharedKey(reader: SettingsReader, files: ConfigFiles): Secret | undefined {
  const raw = readRawKey(reader, files)
  if (raw === undefined) return undefined
  const { name, text } = raw
  if (/[^\x20-\x7e]/.test(text)) {
    reader.fatal(
      name,
      'contains non-ASCII characters or control characters, which an HTTP header cannot carry',
      'use printable ASCII only; look for line breaks, tabs and Windows line endings',
      null,
    )
    return undefined
  }
  const key = unquote(text)
  if (/["\\]/.test(key)) {
    reader.fatal(
      name,
      'contains a forbidden character, " or \\, inside the key',
      'use a key without them',
      null,
    )
    return undefined
  }
  // NOTE: weakness W2: an empty key would let an empty harp-shared-key header in.
  if (key.trim() === '') {
    reader.fatal(name, 'is empty once quotes and blanks are removed', 'use a real key', null)
    return undefined
  }
  if (key !== key.trim()) {
    reader.warn(
      name,
      'starts or ends with a blank, which HTTP removes from headers: no request can ever match it',
      'remove the blank here and in Nextcloud',
      null,
    )
  }
  if (key.length < advisedKeyLength) {
    reader.warn(
      name,
      `is shorter than ${advisedKeyLength} characters`,
      `use ${advisedKeyLength} random characters or more, here and in Nextcloud's deploy daemon`,
      null,
    )
  }
  return new Secret(key)
}

interface RawKey {
  readonly name: 'HP_SHARED_KEY' | 'HP_SHARED_KEY_FILE'
  readonly text: string
}

function readRawKey(reader: SettingsReader, files: ConfigFiles): RawKey | undefined {
  const direct = reader.exact('HP_SHARED_KEY')
  const path = reader.exact('HP_SHARED_KEY_FILE')
  if (direct !== undefined && path !== undefined) {
    reader.fatal(
      'HP_SHARED_KEY',
      'and HP_SHARED_KEY_FILE are both set: only one of them may be specified',
      'remove one of them',
    )
    return undefined
  }
  if (direct !== undefined) return { name: 'HP_SHARED_KEY', text: direct }
  if (path === undefined) {
    reader.fatal(
      'HP_SHARED_KEY',
      'is not set, and neither is HP_SHARED_KEY_FILE',
      'set one of the two to the shared key of the deploy daemon in Nextcloud',
    )
    return undefined
  }
  const text = readKeyFile(path, reader, files)
  return text === undefined ? undefined : { name: 'HP_SHARED_KEY_FILE', text }
}

function readKeyFile(path: string, reader: SettingsReader, files: ConfigFiles): string | undefined {
  const fail = (message: string, fix: string): undefined => {
    reader.fatal('HP_SHARED_KEY_FILE', message, fix, looksLikePath(path) ? path : null)
  }
  let content: string | undefined
  try {
    content = files.readFile(path)
  } catch (error) {
    return fail(
      `names a file that cannot be read (${errorCode(error)})`,
      'make it a regular file that this user may read',
    )
  }
  if (content === undefined) {
    return fail('names a file that does not exist', 'check the path, and that the file is mounted')
  }
  if (content === '') return fail('names a file that is empty', 'put the shared key into the file')
  const text = content.replace(/\n+$/, '')
  if (text === '') return fail('names a file with nothing but newlines', 'put the shared key into the file')
  return text
}

function looksLikePath(text: string): boolean {
  return /^\.{0,2}\/[\w./-]+$/.test(text)
}
