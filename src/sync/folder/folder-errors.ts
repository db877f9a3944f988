import type { ErrorEntry } from '../../base/errors.ts'

/** Of a folder on this device: what commands are told, and what `harp status` and `harp audit` show. */
export const folderErrors = {
  SYNC_NO_HISTORY: {
    summary: 'Nothing with versions is, or ever was, at that path; or it cannot be brought back there.',
    fix: 'Name a file or symlink in a folder; `harp deleted FOLDER` lists what can be brought back.',
  },
  SYNC_VERSION_UNKNOWN: {
    summary: 'The file has no version that begins so, or more than one.',
    fix: 'Take it from `harp log PATH`, with at least 12 digits.',
  },
  SYNC_DESTINATION_EXISTS: {
    summary: 'What a version shall be written to is there already. It was not changed.',
    fix: 'Name a path that does not exist.',
  },
  SYNC_CONTENT_UNAVAILABLE: {
    summary: 'The version is known, and neither this device nor one that is connected has its content.',
    fix: 'Connect a device that keeps old versions and had this one, and try again.',
  },
  SYNC_FOLDER_NOT_READY: {
    summary: 'The folder is paused, or its keys have not come yet.',
    fix: 'Resume it, or wait until a device that has it is connected; `harp status` shows it.',
  },
  SYNC_FOLDER_KNOWN: {
    summary: 'This device has that folder already.',
    fix: 'Use it where it is, or remove it first.',
  },
  SYNC_FOLDER_NAME: {
    summary: 'Another folder of this device has that name.',
    fix: 'Choose another one with --name.',
  },
  SYNC_FOLDER_PLACE: {
    summary:
      'A folder cannot be at that path: no directory, part of another folder, or in use by another harp.',
    fix: 'The message names the reason; name a directory of its own.',
  },
  SYNC_AUTHORITY: {
    summary: 'Another device cannot be made the authority of a folder from here.',
    fix: 'Begin the folder on that device with `--authority self`, and invite this one.',
  },
  FOLDER_FAULT: {
    summary: 'The folder stopped on this device: a store failed, or a bug. Its files stay as they are.',
    fix: 'Do what the text says (free space, permissions), then start harp again.',
  },
  FOLDER_REVOKED: {
    summary:
      'This device was revoked. The files in the folder stay as they are; nothing is fetched or sent any more.',
    fix: 'Ask an admin of the folder for an invitation, and `harp join` with it: what is here is united with the folder. Or `harp folder remove`.',
  },
  FOLDER_NOT_A_MEMBER: {
    summary:
      'All devices of a folder that can be reached refuse this one. Why is not known here: it was revoked, they have not heard of it yet, or they have left the folder.',
    fix: 'Ask there. Who has left the folder can be taken out by an admin: `harp revoke`. If it is this device that was revoked: with a new invitation `harp join`, and what is here is united with the folder.',
  },
  FOLDER_FENCED_WRITES: {
    summary:
      'A device that was revoked, and had not heard of it, changed files afterwards. Its changes reached this device through another one, and are shown to nobody.',
    fix: 'If you want them, copy them from the disk of that device, or invite it again: what it has is united with the folder. Otherwise there is nothing to do; `harp members` goes on counting them.',
  },
  FOLDER_CLOCK_AHEAD: {
    summary:
      'Changes of a device whose clock is more than 5 minutes ahead are held back until their time has come.',
    fix: 'Set the clock of that device right.',
  },
  FOLDER_DISK_FULL: {
    summary: 'There is no room for a file.',
    fix: 'Free space on the disk; it is tried again by itself.',
  },
  FOLDER_CANNOT_WRITE: {
    summary: 'The system refused to put a file in its place.',
    fix: 'See the text for why, mostly permissions; it is tried again by itself.',
  },
  FOLDER_WRONG_CONTENT: {
    summary: 'The chunks of a version are not what its author said. The file that was there stays.',
    fix: 'Ask the author to save the file again.',
  },
  FOLDER_EDIT_RESCUED: {
    summary:
      'A file was saved in the very moment in which another version took its place. What was saved was set aside.',
    fix: 'Move it from the path that is named to where it belongs, or remove it.',
  },
  FOLDER_TARGET_CHANGED: {
    summary:
      'A newer version cannot take the place of a file that was changed here and is not sent, as with the role read.',
    fix: 'Move the changed file away or undo the change; the newer version comes by itself.',
  },
  FOLDER_CONTENT_MISSING: {
    summary: 'The log shows a version that no connected device has the content of.',
    fix: 'Connect a device that has it; it is fetched by itself then.',
  },
  FOLDER_CHUNKS_TOO_LARGE: {
    summary: 'The folder was begun with chunks of more than 1 MiB, which no link carries.',
    fix: 'Remove the folder here; its creator has to begin another one.',
  },
  FOLDER_DEVICE_FAULT: {
    summary: 'A member of the folder sent something that no honest device sends. Nothing of it was used.',
    fix: 'Ask the owner of that device to update or repair it; it is shown for an hour after the last time.',
  },
  FOLDER_CHUNKS_UNKNOWN: {
    summary: 'The list of the chunks of a version is on no connected device.',
    fix: 'Connect a device that has this version.',
  },
  FOLDER_CONTENT_DAMAGED: {
    summary: 'The bytes of a file changed without anybody writing to it: damage on the disk.',
    fix: 'It is put in place again as soon as a connected device has it. Look at the disk: it loses data.',
  },
  FOLDER_STORE_REPAIRED: {
    summary: 'A file in which Harp keeps what it knows of the folder was damaged, and was made anew.',
    fix: 'Nothing has to be done; look at the disk of the home: it loses data. It is shown for an hour.',
  },
  FOLDER_LOG_DAMAGED: {
    summary:
      'The log of the folder was damaged on this device. Its files stay as they are until what is missing has come from another device.',
    fix: 'Connect a device that has the folder; if there is none any more, `harp folder resume` goes on with what could be read. If that does not help either: `harp folder remove`, and join or add it again. The files stay, and equal ones are not sent.',
  },
  FOLDER_AUDIT_MISSING: {
    summary: 'Something that the log shows is not on this disk yet.',
    fix: 'Syncing brings it; see `harp status` for what it waits for.',
  },
  FOLDER_AUDIT_OLD: {
    summary: 'This disk has another version of a file than the log shows.',
    fix: 'Syncing brings it; see `harp status` for what it waits for.',
  },
  FOLDER_AUDIT_EXTRA: {
    summary: 'There are files on this disk that are not in the log yet.',
    fix: 'The next scan takes them in.',
  },
  FOLDER_AUDIT_UNREADABLE: {
    summary: 'A file could not be read.',
    fix: 'Look at its permissions, and at the disk.',
  },
  FOLDER_AUDIT_CHANGED: {
    summary: 'A file was changed since the last scan.',
    fix: 'The next scan takes it in.',
  },
  FOLDER_AUDIT_CHUNK: {
    summary: 'A chunk in the store was damaged. It is not used any more.',
    fix: 'It is fetched again as soon as a connected device has it. Look at the disk: it loses data.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
