/** Why an frp conversation ends: the codes, what each means and what an admin does about it. */
import { HarpError, type ErrorEntry } from '../../base/errors.ts'

export const frpErrors = {
  FRP_MESSAGE_UNKNOWN: {
    summary: 'Bytes arrived where an frp message must start, and they are none.',
    fix: 'Check that frpc (0.61 or newer) talks to this port, and that auth.token is the same on both sides.',
  },
  FRP_MESSAGE_TOO_LARGE: {
    summary: 'An frp message is longer than the protocol allows.',
    fix: 'Shorten the names and metadatas in frpc.toml; if they are short, something other than frp talks to this port.',
  },
  FRP_MESSAGE_INVALID: {
    summary: 'An frp message is no valid JSON, or a field has the wrong type or size.',
    fix: 'Correct the named field in frpc.toml, or use an frp client that keeps to the protocol.',
  },
  FRP_MESSAGE_TRUNCATED: {
    summary: 'The connection ended in the middle of an frp message.',
    fix: 'Look for a crash of the other side, or a proxy between them that cuts connections.',
  },
  FRP_WIRE_V2_INVALID: {
    summary: "The other side breaks the rules of frp's wire protocol v2.",
    fix: 'Remove transport.wireProtocol from frpc.toml (v1 is the default), or update frp.',
  },
  FRP_CIPHER_UNSUPPORTED: {
    summary: 'The two sides have no cipher of wire protocol v2 in common; Harp has aes-256-gcm.',
    fix: 'Remove transport.wireProtocol from frpc.toml (v1 is the default), or update frp.',
  },
  FRP_HELLO_REFUSED: {
    summary: 'The frp server refuses the hello of wire protocol v2.',
    fix: "Read the server's text in the message; without transport.wireProtocol frpc speaks v1.",
  },
  FRP_RECORD_FORGED: {
    summary: 'An encrypted record of wire protocol v2 does not decrypt: another key, or changed on its way.',
    fix: 'Make auth.token the same on both sides.',
  },
  FRP_PEER_STALLED: {
    summary: 'The other side does not read its frp messages; too many wait for it.',
    fix: 'Look for overload or a lost connection at the other side; it connects again by itself.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type FrpErrorCode = keyof typeof frpErrors

/** An error whose fix is the catalogue's. NOTE: messages never quote what a peer sent; it may hold keys. */
export function frpError(code: FrpErrorCode, message: string): HarpError {
  return new HarpError(code, message, { fix: frpErrors[code].fix })
}
