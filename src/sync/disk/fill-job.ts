import { errorCode } from '../../base/errors.ts'
import type { ChunkRows } from '../content/content.ts'
import type { DiskFault, FillJob, FillResult } from '../work/job.ts'
import { ChunkReader, isRow, runBytes, runsOf, scratchBytes } from './chunk-reader.ts'
import { faultOf } from './disk-fault.ts'
import type { FileSystem } from './file-system.ts'

/** Begins a temporary file, or goes on with one: what is in it is all the state that there is. */
export function runFill(fs: FileSystem, job: FillJob): FillResult {
  const offsets = offsetsOf(job.rows)
  const done = new Uint8Array(job.rows.lengths.length)
  let fault: DiskFault | undefined
  try {
    fillFile(fs, job, offsets, done)
  } catch (error) {
    fault = faultOf(error)
  }
  const missing: number[] = []
  for (let row = 0; row < done.length; row++) if (done[row] === 0) missing.push(row)
  return { missing, fault }
}

function fillFile(fs: FileSystem, job: FillJob, offsets: Float64Array, done: Uint8Array): void {
  const size = offsets.at(-1) ?? 0
  const begun = job.isResumed ? openBegun(fs, job.path) : undefined
  const file = begun ?? openNew(fs, job.path)
  try {
    const isBegun = begun !== undefined
    if (!isBegun || fs.statFile(file).size !== size) fs.truncate(file, size)
    if (isBegun) findInPlace(fs, file, job, { offsets, done })
    copySources(fs, file, job, { offsets, done })
  } finally {
    fs.close(file)
  }
}

/** Nobody waits for what it finds any more. */
function isHalted({ halted }: FillJob): boolean {
  return halted !== undefined && new Uint8Array(halted)[0] === 1
}

/** Where each row begins, and where the last one ends. */
function offsetsOf(rows: ChunkRows): Float64Array {
  const offsets = new Float64Array(rows.lengths.length + 1)
  let end = 0
  for (let row = 0; row < rows.lengths.length; row++) {
    end += rows.lengths[row] ?? 0
    offsets[row + 1] = end
  }
  return offsets
}

/**
 * Undefined if it is not there, or nothing to write into: a symlink, or a file with a second name, which is one that was
 * put in its place already.
 */
function openBegun(fs: FileSystem, path: string): number | undefined {
  let file: number
  try {
    file = fs.open(path, 'update')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ELOOP') return undefined
    throw error
  }
  const { kind, links } = fs.statFile(file)
  if (kind === 'file' && links === 1) return file
  fs.close(file)
  return undefined
}

function openNew(fs: FileSystem, path: string): number {
  try {
    return fs.open(path, 'create')
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  fs.unlink(path)
  return fs.open(path, 'create')
}

interface Progress {
  readonly offsets: Float64Array
  readonly done: Uint8Array
}

function findInPlace(fs: FileSystem, file: number, job: FillJob, { offsets, done }: Progress): void {
  const { rows, keys } = job
  for (let first = 0; first < done.length && !isHalted(job);) {
    const start = offsets[first] ?? 0
    let end = first + 1
    while (end < done.length && (offsets[end + 1] ?? 0) - start <= runBytes) end++
    const into = scratchBytes((offsets[end] ?? 0) - start)
    const got = fs.read(file, into, start)
    for (let row = first; row < end; row++) {
      const to = (offsets[row + 1] ?? 0) - start
      if (to <= got && isRow(keys, rows, row, into.subarray((offsets[row] ?? 0) - start, to))) done[row] = 1
    }
    first = end
  }
}

function copySources(fs: FileSystem, file: number, job: FillJob, { offsets, done }: Progress): void {
  const { rows } = job
  const reader = new ChunkReader(fs, job.keys)
  try {
    for (const run of runsOf(rows, job.sources, (row) => done[row] === 1)) {
      if (isHalted(job)) return
      const found = reader.read(rows, run)
      if (run.source.in === 'file' && !found.includes(undefined)) {
        // Still side by side, as they were read.
        fs.write(file, scratchBytes(run.bytes), offsets[run.first] ?? 0)
        done.fill(1, run.first, run.first + run.count)
        continue
      }
      for (const [index, plaintext] of found.entries()) {
        if (plaintext === undefined) continue
        fs.write(file, plaintext, offsets[run.first + index] ?? 0)
        done[run.first + index] = 1
      }
    }
  } finally {
    reader.close()
  }
}
