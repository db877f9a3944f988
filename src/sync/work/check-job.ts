import { errorCode } from '../../base/errors.ts'
import { chunkKeyOf } from '../content/chunk-seal.ts'
import { largestChunk } from '../content/chunker.ts'
import { chunkIdLength } from '../content/content.ts'
import { scratchBytes } from '../disk/chunk-reader.ts'
import { faultOf } from '../disk/disk-fault.ts'
import { samePrint, type FileSystem } from '../disk/file-system.ts'
import { sameBytes } from '../format/cbor.ts'
import type { CheckedFile, CheckJob, CheckResult } from './job.ts'

const changing = { state: 'changing' } as const

/** Reads parts of files and compares them with the keys of their chunks: nothing is cut or sealed, so it costs little. */
export function runCheck(fs: FileSystem, job: CheckJob): CheckResult {
  return { files: job.files.map((file) => check(fs, job, file)) }
}

function check(fs: FileSystem, { keys, halted }: CheckJob, part: CheckJob['files'][number]): CheckedFile {
  try {
    const stat = fs.stat(part.path)
    if (stat === undefined) return { state: 'missing' }
    if (stat.kind !== 'file') return changing
    const file = fs.open(part.path, 'read')
    try {
      const damaged: number[] = []
      let at = part.offset
      for (const [row, length] of part.lengths.entries()) {
        if (halted !== undefined && new Uint8Array(halted)[0] === 1) return changing
        const key = part.keys.subarray(row * chunkIdLength, (row + 1) * chunkIdLength)
        if (!isChunkAt(file, at, length, key)) damaged.push(row)
        at += length
      }
      return samePrint(stat, fs.statFile(file)) ? { state: 'read', stat, damaged } : changing
    } finally {
      fs.close(file)
    }
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'missing' }
    if (code === 'ELOOP' || code === 'EISDIR') return changing
    return { state: 'failed', fault: faultOf(error) }
  }

  function isChunkAt(file: number, offset: number, length: number, key: Uint8Array): boolean {
    if (length > largestChunk) return false
    const plaintext = scratchBytes(length)
    return fs.read(file, plaintext, offset) === length && sameBytes(chunkKeyOf(keys, plaintext), key)
  }
}
