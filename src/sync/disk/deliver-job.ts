import { errorCode } from '../../base/errors.ts'
import { openChunk } from '../content/chunk-seal.ts'
import { nodeContentSuite } from '../content/content-suite.ts'
import { toHex } from '../ids.ts'
import type { DeliveredFile, DeliverJob, DeliverResult, PutOutcome } from '../work/job.ts'
import { ChunkReader, rowId, rowKey, runsOf } from './chunk-reader.ts'
import { faultOf, unlinkQuietly } from './disk-fault.ts'
import type { FileSystem } from './file-system.ts'
import { putInPlace } from './put-in-place.ts'

type Delivered = DeliverResult['files'][number]
type FileBytes = Extract<DeliveredFile['content'], { type: 'file' }>

/**
 * Small files and symlinks, each from its chunks to its place. Not durable: a later `settle` does that for many. When it
 * returns, no temporary is left.
 */
export function runDeliver(fs: FileSystem, job: DeliverJob): DeliverResult {
  const reader = new ChunkReader(fs, job.keys)
  try {
    return { files: job.files.map((file) => deliver(fs, job, reader, file)) }
  } finally {
    reader.close()
  }
}

function deliver(fs: FileSystem, job: DeliverJob, reader: ChunkReader, file: DeliveredFile): Delivered {
  const { temporary, target, content } = file
  if (content.type === 'symlink') {
    return place(fs, file, () => makeNew(fs, temporary, () => fs.makeSymlink(content.target, temporary)))
  }
  const bytes = contentOf(job, reader, content)
  if (!Array.isArray(bytes)) return bytes
  return place(fs, file, () => {
    const open = makeNew(fs, temporary, () => fs.open(temporary, 'create'))
    try {
      let at = 0
      for (const part of bytes) {
        fs.write(open, part, at)
        at += part.length
      }
    } finally {
      fs.close(open)
    }
    if (target.exec) fs.setExec(temporary, true)
  })
}

function place(fs: FileSystem, { temporary, target }: DeliveredFile, make: () => void): PutOutcome {
  let outcome: PutOutcome
  try {
    make()
    fs.setTime(temporary, target.mtimeMs)
    outcome = putInPlace(fs, temporary, target, false)
  } catch (error) {
    outcome = { state: 'failed', fault: faultOf(error) }
  }
  if (outcome.state !== 'done') unlinkQuietly(fs, temporary)
  return outcome
}

/** What an earlier run left under that name is removed. */
function makeNew<T>(fs: FileSystem, temporary: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  fs.unlink(temporary)
  return make()
}

/** The plaintext in parts, checked against the version's hash; or why there is none. */
function contentOf(job: DeliverJob, reader: ChunkReader, content: FileBytes): Uint8Array[] | Delivered {
  const { rows, sealed, sources } = content
  const parts: (Uint8Array | undefined)[] = []
  const badRows: number[] = []
  let isWrong = false
  for (let row = 0; row < rows.lengths.length; row++) {
    const bytes = sealed[row]
    const opened = bytes && openChunk(job.keys, rowId(rows, row), rowKey(rows, row), bytes)
    if (opened === 'bad') badRows.push(row)
    else if (opened === 'wrong') isWrong = true
    else if (opened !== undefined) parts[row] = opened
  }
  for (const run of runsOf(rows, sources, (row) => sealed[row] !== undefined)) {
    for (const [index, plaintext] of reader.read(rows, run).entries()) {
      // Of the reader's memory, which the next run is read into.
      parts[run.first + index] = plaintext?.slice()
    }
  }
  const missingRows: number[] = []
  for (let row = 0; row < rows.lengths.length; row++) {
    if (parts[row] === undefined && sealed[row] === undefined) missingRows.push(row)
  }
  if (isWrong) return { state: 'wrong-content' }
  if (badRows.length > 0 || missingRows.length > 0) {
    return { state: 'wrong-content', badRows, missingRows }
  }
  const whole = parts.filter((part) => part !== undefined)
  return hashOf(whole) === content.hash ? whole : { state: 'wrong-content' }
}

function hashOf(parts: readonly Uint8Array[]): string {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return toHex(nodeContentSuite.hash(only))
  const hasher = nodeContentSuite.hasher()
  for (const part of parts) hasher.update(part)
  return hasher.digest()
}
