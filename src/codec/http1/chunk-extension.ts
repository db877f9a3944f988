import { Http1Error } from './errors.ts'

/**
 * The grammar of chunk extensions, one byte at a time (RFC 9112 section 7.1.1, without its optional blanks):
 *
 *   *( ";" token [ "=" ( token / quoted-string ) ] ) CRLF
 *
 * An extension means nothing here, but peers that disagree on where one ends disagree on the whole body.
 * Starts in `nameStart` after the first semicolon.
 */
export const ExtensionState = {
  nameStart: 0,
  name: 1,
  valueStart: 2,
  value: 3,
  quoted: 4,
  quotedPair: 5,
  quotedEnd: 6,
  /** The CR came; only LF may follow. */
  ended: 7,
} as const
export type ExtensionState = (typeof ExtensionState)[keyof typeof ExtensionState]

const CR = 0x0d
const semicolon = 0x3b
const equals = 0x3d
const quote = 0x22
const backslash = 0x5c

const tokenBytes = new Uint8Array(256)
for (const byte of Buffer.from("!#$%&'*+-.^_`|~0123456789", 'latin1')) tokenBytes[byte] = 1
for (let letter = 0x41; letter <= 0x5a; letter++) tokenBytes[letter] = tokenBytes[letter + 0x20] = 1

/** The state after `byte`. Throws Http1Error. */
export function nextExtensionState(state: ExtensionState, byte: number): ExtensionState {
  switch (state) {
    case ExtensionState.nameStart:
      if (tokenBytes[byte] === 1) return ExtensionState.name
      break
    case ExtensionState.name:
      if (tokenBytes[byte] === 1) return state
      if (byte === equals) return ExtensionState.valueStart
      return afterItem(byte)
    case ExtensionState.valueStart:
      if (tokenBytes[byte] === 1) return ExtensionState.value
      if (byte === quote) return ExtensionState.quoted
      break
    case ExtensionState.value:
      return tokenBytes[byte] === 1 ? state : afterItem(byte)
    case ExtensionState.quoted:
      if (byte === quote) return ExtensionState.quotedEnd
      if (byte === backslash) return ExtensionState.quotedPair
      if (isText(byte)) return state
      break
    case ExtensionState.quotedPair:
      if (isText(byte)) return ExtensionState.quoted
      break
    case ExtensionState.quotedEnd:
      return afterItem(byte)
    case ExtensionState.ended:
  }
  return malformed()
}

function afterItem(byte: number): ExtensionState {
  if (byte === CR) return ExtensionState.ended
  if (byte === semicolon) return ExtensionState.nameStart
  return malformed()
}

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === 0x09
}

function malformed(): never {
  throw new Http1Error('HTTP_CHUNK', 'malformed chunk extension')
}
