/**
 * The stable error codes of the gateway, what each means and what an admin does about it. docs/errors.md is
 * generated from this table; a code is never reused for something else.
 */
import { HarpError, type ErrorEntry } from '../base/errors.ts'

export const gatewayErrors = {
  CONFIG_INVALID: {
    summary: 'A setting is missing or wrong; the gateway does not start.',
    fix: 'Correct every line that starts with ERROR. `harp gateway --check` shows them without starting.',
  },
  LISTEN_FAILED: {
    summary:
      'An address cannot be listened on: the port is taken, reserved, or the address is not on this machine.',
    fix: 'Stop the program that holds the port (an old HaRP?), or give the named setting another address.',
  },
  CERT_UNREADABLE: {
    summary: 'The certificate file is there but cannot be read, or is not a certificate chain with its key.',
    fix: 'Put leaf, chain and private key into one PEM file that the gateway may read. HTTPS starts when it is right.',
  },
  CERT_EXPIRED: {
    summary: 'The certificate is no longer, or not yet, valid.',
    fix: 'Renew it, or check the clock of this machine. A new file is picked up without a restart.',
  },
  NEXTCLOUD_UNREACHABLE: {
    summary: 'No connection to Nextcloud: refused, no route, unknown name, or TLS failed.',
    fix: 'Open NC_INSTANCE_URL from the machine (or container) of the gateway; `harp doctor` does it for you.',
  },
  NEXTCLOUD_TIMEOUT: {
    summary: 'Nextcloud did not accept the connection, or did not answer, in time.',
    fix: 'Look for overload or a firewall that drops packets between gateway and Nextcloud.',
  },
  NEXTCLOUD_REDIRECT: {
    summary: 'Nextcloud redirects to another host; the shared key is not sent there.',
    fix: 'Set NC_INSTANCE_URL to the address that answers without a redirect.',
  },
  NEXTCLOUD_BAD_ANSWER: {
    summary: 'What answers at NC_INSTANCE_URL is not Nextcloud with AppAPI, or is in trouble (status 5xx).',
    fix: "Check the URL, that AppAPI is enabled, and Nextcloud's log.",
  },
  UPSTREAM_REFUSED: {
    summary: 'The ExApp does not accept connections.',
    fix: 'Check that its container runs and listens on the address and port that Nextcloud has for it.',
  },
  UPSTREAM_TIMEOUT: {
    summary:
      'The ExApp took longer to connect or to respond than HP_TIMEOUT_CONNECT or HP_TIMEOUT_SERVER allow.',
    fix: "Look at the ExApp's log; raise the timeout if the app is meant to be slow.",
  },
  UPSTREAM_BAD_RESPONSE: {
    summary: 'The ExApp closed the connection early or sent something that is not valid HTTP.',
    fix: "Look at the ExApp's log for a crash, and check that the port speaks HTTP without TLS.",
  },
  UPSTREAM_UNRESOLVED: {
    summary: "The ExApp's host name has no address.",
    fix: 'Put the gateway into the same container network as the ExApp, or correct the host of the app in Nextcloud.',
  },
  ROUTE_PATTERN_INVALID: {
    summary: 'A route of the ExApp has a pattern that is not a regular expression; the route is skipped.',
    fix: "Report it to the app's author: the pattern is in the app's info.xml.",
  },
  STATE_DIR_UNUSABLE: {
    summary: 'The state directory cannot be created or written, or the disk is full.',
    fix: 'Make HARP_STATE_DIR a directory that the gateway may write to.',
  },
  CONTROL_SOCKET_BUSY: {
    summary: 'Another gateway already uses the control socket in the same state directory.',
    fix: 'Stop it, or give each gateway a HARP_STATE_DIR of its own.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type GatewayErrorCode = keyof typeof gatewayErrors

export interface GatewayErrorOptions {
  readonly cause?: unknown
  readonly retryable?: boolean
}

/** An error whose fix is the catalogue's. */
export function gatewayError(
  code: GatewayErrorCode,
  message: string,
  options: GatewayErrorOptions = {},
): HarpError {
  return new HarpError(code, message, { ...options, fix: gatewayErrors[code].fix })
}
