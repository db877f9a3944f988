import { HarpError } from '../../base/errors.ts'
import type { ErrorEntry } from '../../base/errors.ts'

/** Codes of links, invitations and joining, for docs/errors.md. */
export const linkErrors = {
  LINK_CLOSED: {
    summary: 'The connection to the other device has ended.',
    fix: 'Nothing to do: it is dialled again.',
  },
  LINK_PORT_TAKEN: {
    summary: 'The address to listen on is in use by another program.',
    fix: 'Stop the other program, or choose another port with `--listen`.',
  },
  LINK_LISTEN_FAILED: {
    summary: 'The system does not let this program listen on that address.',
    fix: 'Give an address of this machine and a port above 1023 with `--listen`.',
  },
  LINK_OWN_CLONE: {
    summary: 'Another machine runs with the keys of this very device. The two are never connected.',
    fix: 'Stop one of the two. A copied machine needs a device of its own: `harp init` in an empty home, then join again.',
  },
  LINK_PEER_CLONED: {
    summary: 'Two running programs take turns in connecting with the keys of one other device.',
    fix: 'Find the copy of that device and stop it; it needs a device of its own.',
  },
  LINK_FAULT: {
    summary: 'The other device sent what no program of this kind sends, and was disconnected.',
    fix: 'Update both devices to the same version. If it happens again, report it with the text beside the code.',
  },
  INVITATION_MALFORMED: {
    summary: 'The text is no join code.',
    fix: 'Copy the last line that `harp invite` printed; it begins with `harp-`.',
  },
  INVITATION_TRUNCATED: {
    summary: 'The end of the join code is missing.',
    fix: 'Copy the whole line that `harp invite` printed, to its end.',
  },
  INVITATION_DAMAGED: {
    summary: 'A character of the join code is wrong.',
    fix: 'Copy the code again instead of typing it.',
  },
  INVITATION_VERSION: {
    summary: 'The join code was made by a newer version of this program.',
    fix: 'Update this device, then join with the same code.',
  },
  INVITATION_EXPIRED: {
    summary: 'The invitation is no longer valid.',
    fix: 'Ask for a new one; `harp invite --expires` makes it last longer.',
  },
  INVITATION_USED: {
    summary: 'Another device has already joined with this invitation; each is good for one.',
    fix: 'Ask for a new one. If nobody of yours joined, have the other device revoked.',
  },
  INVITATION_UNKNOWN: {
    summary:
      'The inviting device does not know this invitation: it was withdrawn, or the device was set up anew.',
    fix: 'Ask for a new one.',
  },
  INVITATION_WRONG_PROOF: {
    summary: "The joining device did not prove that it knows the invitation's secret.",
    fix: 'Copy the join code again, whole.',
  },
  INVITATION_NOT_ADMIN: {
    summary: 'The inviting device is no admin of the folder any more, and cannot let anybody in.',
    fix: 'Ask an admin of the folder for an invitation.',
  },
  INVITATION_REFUSED: {
    summary: 'The inviting device could not grant access.',
    fix: "Try again in a minute; if it fails again, look at the inviting device's log.",
  },
  INVITATION_TOO_MANY: {
    summary: 'This device has as many open invitations as it may have.',
    fix: 'Wait until some are used or have expired.',
  },
  INVITATION_BOOK: {
    summary: 'The file of open invitations cannot be understood.',
    fix: 'Remove the file that is named beside the code; open invitations are lost with it, nothing else.',
  },
  JOIN_UNREACHABLE: {
    summary: 'The inviting device does not answer at any address of the join code.',
    fix: 'Start `harp up` there, and check that its port can be reached from here (firewall, same network).',
  },
  JOIN_WRONG_DEVICE: {
    summary: 'Another device than the inviting one answers at its address.',
    fix: 'Somebody stands between the two, or the address belongs to another device by now. Ask for a new invitation.',
  },
  JOIN_UNPROVEN: {
    summary:
      "The answering device did not prove that it knows the invitation's secret. Nothing was taken from it.",
    fix: 'Ask for a new invitation.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type LinkErrorCode = keyof typeof linkErrors

/** An error whose fix is the table's. */
export function linkError(code: LinkErrorCode, message: string, cause?: unknown): HarpError {
  return new HarpError(code, message, {
    fix: linkErrors[code].fix,
    ...(cause === undefined ? {} : { cause }),
  })
}
