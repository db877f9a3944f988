import type { ErrorEntry } from '../../base/errors.ts'

/** What a scan tells the user: problems of single paths, and reasons to stop and ask. */
export const upErrors = {
  FOLDER_DISK_MISSING: {
    summary:
      "The folder's directory, or the file in it that says which folder it is, is not there. Nothing is read as deleted.",
    fix: 'Mount the disk or bring the directory back; syncing goes on by itself. If it was moved, remove the folder here and join it again at its new place.',
  },
  FOLDER_MASS_DELETION: {
    summary:
      'So many files are missing at once that it may be an accident. None of it was told to other devices.',
    fix: 'If it is meant: `harp folder resume FOLDER --accept-deletions`. Else bring the files back and resume.',
  },
  FOLDER_FILE_UNREADABLE: {
    summary: 'A file or directory could not be read. What others have of it stays as it is.',
    fix: 'Give the user that harp runs as the right to read it, or name it in .harpignore.',
  },
  FOLDER_BAD_NAME: {
    summary:
      'A name that cannot be synced: no UTF-8, too long, or the same as another one but for how accents are encoded.',
    fix: 'Rename it.',
  },
  FOLDER_SPECIAL_FILE: {
    summary: 'A pipe, socket or device: such things are not synced.',
    fix: 'Move it elsewhere, or name it in .harpignore.',
  },
  FOLDER_SYMLINK_TARGET: {
    summary: 'The target of a symlink is longer than 4,096 bytes or no UTF-8.',
    fix: 'Make it shorter, or name it in .harpignore.',
  },
  FOLDER_OTHER_DISK: {
    summary: 'Another file system is mounted inside the folder. It is left out.',
    fix: 'Sync it as a folder of its own, or name its directory in .harpignore.',
  },
  FOLDER_READ_ONLY: {
    summary:
      'Something was changed here, and this device may not write to the folder. Nobody else gets the change.',
    fix: 'Ask an admin of the folder for the role "write", or undo the change.',
  },
  FOLDER_WATCH_LIMIT: {
    summary:
      'The system does not let us watch all directories for changes; the folder is scanned every minute instead.',
    fix: 'Raise the limit: `sudo sysctl fs.inotify.max_user_watches=1048576` (and max_user_instances), and keep it in /etc/sysctl.d.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type UpErrorCode = keyof typeof upErrors
