import type { ErrorEntry } from '../../base/errors.ts'

/** What keeps the disk from showing what the log shows; told as problems, about one path each. */
export const planErrors = {
  FOLDER_SYMLINK_OUTSIDE: {
    summary: 'A symlink points out of the folder, so it is not made on this disk.',
    fix: 'Let it point to something in the folder, by a path relative to itself.',
  },
  FOLDER_NAME_TAKEN: {
    summary:
      'Something that is not synced has the name of something that is: an ignored file, a pipe, another disk.',
    fix: 'Move it out of the way, or rename it.',
  },
  FOLDER_DISK_FAULT: {
    summary: 'The system refused to make, move, change or remove something in the folder.',
    fix: 'See the text for why: mostly permissions of the directory, or a disk that is full or read-only.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
