/** The disk as the configuration sees it: existence, and small regular files. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { errorCode, HarpError } from '../../base/errors.ts'
import type { ConfigFiles } from './config.ts'

const maxFileBytes = 65_536

export const systemFiles: ConfigFiles = {
  exists: existsSync,
  readFile(path) {
    try {
      const stats = statSync(path)
      // NOTE: a device or a pipe would block the start for ever.
      if (!stats.isFile() || stats.size > maxFileBytes) {
        throw new HarpError('NOT_A_SMALL_FILE', `not a regular file of at most ${maxFileBytes} bytes`)
      }
      return readFileSync(path, 'utf8')
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined
      throw error
    }
  },
}
