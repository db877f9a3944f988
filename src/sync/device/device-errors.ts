import type { ErrorEntry } from '../../base/errors.ts'

/** Of the command line, the device's home, and the talk between command and daemon. */
export const deviceErrors = {
  SYNC_USAGE: {
    summary: 'A command, an option, an argument or a setting is not right.',
    fix: 'The message names it; `harp <command> --help` and docs/spec/cli.md have all of them.',
  },
  SYNC_NOT_RUNNING: {
    summary: 'No daemon answers for this home.',
    fix: 'Start it with `harp up`, or give the command the HARP_HOME of the one that runs.',
  },
  SYNC_STARTING: {
    summary: 'The daemon is still starting: it reads its folders.',
    fix: 'Ask again in a while.',
  },
  SYNC_CONTROL: {
    summary: 'The daemon could not be asked, or its answer was not understood.',
    fix: 'Run the command as the user of the daemon; restart the daemon if it is of another version.',
  },
  SYNC_INTERNAL: {
    summary: 'The daemon failed in a way that it does not know: a bug.',
    fix: "Report it with the lines of the daemon's log.",
  },
  SYNC_NO_DEVICE: {
    summary: 'There is no device in this home yet.',
    fix: 'Make it with `harp init`.',
  },
  SYNC_DEVICE_EXISTS: {
    summary: 'This home has a device already. Nothing was changed.',
    fix: 'Use it, or name another home with HARP_HOME.',
  },
  SYNC_HOME_BUSY: {
    summary: 'Another daemon runs on this home.',
    fix: 'Stop it, or name another home with HARP_HOME.',
  },
  SYNC_HOME_FORMAT: {
    summary: 'The home was written by a newer version. Nothing was changed.',
    fix: 'Use that version or a newer one.',
  },
  SYNC_HOME_CORRUPT: {
    summary: 'A file of the home cannot be understood.',
    fix: 'Restore the file that the message names from a backup of the home.',
  },
  SYNC_HOME_IO: {
    summary: 'A file of the home cannot be read or written.',
    fix: 'See the code in the message: permissions, a full or read-only disk.',
  },
  SYNC_FOLDER_UNKNOWN: {
    summary: 'No folder of this device has that name, id or path.',
    fix: '`harp folder list` shows them.',
  },
  SYNC_DEVICE_UNKNOWN: {
    summary: 'No device that this one knows has that name or id.',
    fix: 'Give its name or id as `harp members FOLDER` shows them, or its id as `harp init` printed it there.',
  },
  SYNC_REVOKE_SELF: {
    summary: 'A device cannot revoke itself.',
    fix: 'To stop syncing here: `harp folder remove`. To have this device out of the members: `harp revoke` on another admin.',
  },
  SYNC_AMBIGUOUS: {
    summary: 'More than one folder or device fits.',
    fix: 'Give more of its id.',
  },
  SYNC_ADMIN_ADDRESS: {
    summary: 'The address for metrics is in use, or the system does not let this program listen there.',
    fix: 'Stop the program that has the port, or give another address with `--admin` or HARP_ADMIN_ADDRESS.',
  },
  SYNC_FILE: {
    summary: 'A file that was named cannot be read or written.',
    fix: 'See the code in the message: a missing file, permissions, a full disk.',
  },
  SYNC_BACKUP_FORMAT: {
    summary: 'The file is no backup of keys, or of a newer version, or damaged.',
    fix: 'Name the file that `harp backup-key` wrote.',
  },
  SYNC_BACKUP_PASSPHRASE: {
    summary: 'The passphrase does not open this backup, or the backup was changed.',
    fix: 'Type it as it was typed when the backup was made.',
  },
  SYNC_NO_TRUST: {
    summary: 'Nothing says whose statements about the folder are to be believed.',
    fix: 'Give --folder and --trust, or start the daemon of a home that has the folder.',
  },
  SYNC_PROOF_REFUSED: {
    summary: 'The proof does not show what it claims, or not to somebody who trusts these devices.',
    fix: 'Do not believe it. Ask for the proof again, from a device that you trust.',
  },
  SYNC_PROOF_CONTENT: {
    summary: 'The proof is right, and the file is none of the versions that it reveals.',
    fix: 'Ask for a proof with --reveal, or compare with another file.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type DeviceErrorCode = keyof typeof deviceErrors
