import { openChunk } from '../content/chunk-seal.ts'
import type { PlaceJob, PlaceResult } from '../work/job.ts'
import { scratchBytes } from './chunk-reader.ts'
import { faultOf } from './disk-fault.ts'
import type { FileSystem } from './file-system.ts'

/** Writes chunks of other devices into a temporary file; nothing that was not verified touches the disk. */
export function runPlace(fs: FileSystem, job: PlaceJob): PlaceResult {
  const states: ('placed' | 'bad' | 'wrong')[] = []
  try {
    const file = fs.open(job.path, 'update')
    try {
      const { kind, links } = fs.statFile(file)
      if (kind !== 'file' || links !== 1) {
        return { states, fault: { code: 'ESTALE', message: 'the temporary file is something else by now' } }
      }
      for (const piece of job.pieces) states.push(placePiece(fs, file, job, piece))
    } finally {
      fs.close(file)
    }
    return { states, fault: undefined }
  } catch (error) {
    return { states, fault: faultOf(error) }
  }
}

function placePiece(
  fs: FileSystem,
  file: number,
  job: PlaceJob,
  piece: PlaceJob['pieces'][number],
): 'placed' | 'bad' | 'wrong' {
  const plaintext = openChunk(job.keys, piece.id, piece.key, piece.sealed, scratchBytes(piece.sealed.length))
  if (plaintext === 'bad' || plaintext === 'wrong') return plaintext
  if (plaintext.length !== piece.length) return 'wrong'
  fs.write(file, plaintext, piece.offset)
  return 'placed'
}
