import type { ErrorEntry } from '../base/errors.ts'

/** The sync core's error codes, for docs/errors.md. Why a batch, a statement or a proof of others is refused is no error: results name the reason. */
export const syncErrors = {
  SYNC_NOT_ALLOWED: {
    summary: "This device's role does not allow it, the device was revoked, or two histories of it exist.",
    fix: 'Ask an admin of the folder for the role; after a restored backup or a cloned disk, to grant it again.',
  },
  SYNC_NO_MEMBER: {
    summary: 'The device that shall be revoked is no member of the folder.',
    fix: 'List the members and name one of them.',
  },
  SYNC_BAD_OPERATION: {
    summary: 'A name, a list or a size that the format does not hold. Nothing was written.',
    fix: 'Names are NFC text of 1 to 255 bytes without `/`; docs/spec/log.md has all limits.',
  },
  SYNC_NO_FOLDER: {
    summary: 'The store is empty, and no folder is named.',
    fix: 'Found a folder, or give the id of the folder to join.',
  },
  SYNC_FOLDER_MISMATCH: {
    summary: 'The store holds the log of another folder.',
    fix: 'Open the store that belongs to the folder, or join with an empty one.',
  },
  SYNC_FOUNDING: {
    summary: 'Mode and authority of a new folder do not fit together, or the authority is not what it says.',
    fix: 'In mode `peer` leave the authority out; otherwise copy its device record again, whole.',
  },
  SYNC_NOT_AUTHORITY: {
    summary: 'Only the authority that a folder was founded with publishes its final order.',
    fix: 'Publish on that device.',
  },
  SYNC_AUTHORITY_SPLIT: {
    summary: 'The authority signed two histories of the folder. Nothing behind that place is final any more.',
    fix: 'Find out who has its key; found the folder anew with another authority. Nothing written is lost.',
  },
  SYNC_AUTHORITY_RESTORED: {
    summary: 'The authority was restored from a backup, and may have published more than it knows of.',
    fix: 'Let it meet the other devices first, so that it hears its later statements; then confirm them there.',
  },
  SYNC_TOO_MANY_EPOCHS: {
    summary:
      'More than 16,384 epochs are in use whose keys this device was never given: somebody seals for nobody.',
    fix: 'Revoke the device that founded them. If nobody has the keys, no statement can be made any more: found the folder anew.',
  },
  SYNC_NO_KEY: {
    summary: 'Some of the folder cannot be read on this device, which a proof or a statement needs.',
    fix: 'Wait until the log is complete, or use a device whose role is read, write or admin.',
  },
  SYNC_BAD_DEVICE: {
    summary: 'The record of a device that shall get a role is not signed by its own key.',
    fix: 'Copy the record of the device again, whole.',
  },
  SYNC_STORE_LOCKED: {
    summary: 'Another process has the store open.',
    fix: 'Stop the other one; a store has one writer.',
  },
  SYNC_STORE_FORMAT: {
    summary: 'The file is no store of this program, or of a newer version of it. It was not changed.',
    fix: 'Use the version that wrote it or a newer one, or name another file.',
  },
  SYNC_STORE_CORRUPT: {
    summary: 'The file of the store is damaged, or a record is missing.',
    fix: 'Restore it from a backup, or remove it and fetch the folder from another device.',
  },
  SYNC_STORE_FULL: {
    summary: 'There is no room for what shall be written. Nothing since the last commit counts.',
    fix: 'Free space and open the folder again.',
  },
  SYNC_STORE_IO: {
    summary: 'The file of the store cannot be opened, read or written.',
    fix: 'See the cause beside the code: permissions, a read-only or vanished disk. Then open the folder again.',
  },
  SYNC_STORE_RANGE: {
    summary: 'A record was asked for that was never appended: a bug.',
    fix: 'Report it with the text beside the code.',
  },
  SYNC_STORE_CLOSED: {
    summary: 'The store has been closed.',
    fix: 'Open the folder again.',
  },
  SYNC_PROOF_STATE: {
    summary: 'The statement is not about the state that the proof shall be made from.',
    fix: 'Sign a new statement, or use the state that the statement covers.',
  },
  SYNC_PROOF_NO_HISTORY: {
    summary: 'There is no file with a history at that place, in what the statement covers.',
    fix: 'Name a file or symlink with at least one version; what is not final yet is proved under a statement of your own.',
  },
  SYNC_PROOF_NO_KEY: {
    summary: 'The key of a version that shall be revealed is not known here.',
    fix: 'Prove without revealing it, or on a device that can read the folder.',
  },
  SYNC_PROOF_NOT_GROWN: {
    summary: 'The older statement is not about a beginning of this log.',
    fix: 'Without an authority late entries change the order: ask for a proof without the older statement.',
  },
  SYNC_PROOF_TOO_LARGE: {
    summary: 'The history does not fit one proof.',
    fix: 'Reveal fewer versions. More than 10,000, or than 4 MiB with nothing revealed, have no proof.',
  },
  SYNC_LOG_CORRUPT: {
    summary: 'A record of the stored log does not match its hash, or does not follow the one before.',
    fix: 'Restore the store from a backup, or remove it and fetch the folder from another device.',
  },
  SYNC_FAULT: {
    summary: 'The sync core contradicts itself: a bug.',
    fix: 'Report it with the text beside the code.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
