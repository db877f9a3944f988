import type { FolderProblem } from '../plan/wanted.ts'
import type { Blocked } from '../up/up-parts.ts'

/** What a person has to do about what a scan found before it would write anything. */
export function blockedProblem({ code, message }: Blocked): FolderProblem {
  const fix =
    code === 'FOLDER_DISK_MISSING'
      ? 'mount the disk, or restore the directory; syncing goes on by itself'
      : 'if this is meant: harp folder resume --accept-deletions; else bring the files back and resume'
  return { code, path: '', message, fix }
}
