/** Why bytes are refused, or why a value may not be written. */
export const formatReasons = [
  /** not CBOR, or CBOR with what these formats never use: tags, floats, indefinite lengths, deep nesting */
  'malformed',
  /** a field missing, unknown, or of another type; a field that the others exclude */
  'shape',
  /** a format version or crypto suite that is not known here */
  'version',
  /** a byte string of another length than the field has */
  'length',
  /** a number, an index in a list of names, or a reserved value that the field cannot have */
  'range',
  /** more bytes or more items than `limits` allow */
  'limit',
  /** text that is not well-formed Unicode, or not a name */
  'text',
  /** a list that is not sorted, or holds one thing twice */
  'order',
  /** right values in other bytes than the one encoding they have */
  'non-canonical',
  /** bytes that do not match the hash or length that the meta states */
  'hash',
  /** entries that do not follow each other, or not what the batch says comes before */
  'chain',
  /** a public key that is not the author's */
  'key',
  /** a body that its secret does not open */
  'sealed',
] as const
export type FormatReason = (typeof formatReasons)[number]

/** Thrown by every codec and by nothing else; it never leaves `src/sync` (results carry the reason instead). */
export class FormatError extends Error {
  override readonly name: string = 'FormatError'
  readonly reason: FormatReason

  constructor(reason: FormatReason, detail: string) {
    super(`${reason}: ${detail}`)
    this.reason = reason
  }
}

/** The result of `read`, or the reason why a codec refused. Other errors pass through: they are bugs. */
export function orReason<T>(read: () => T): T | FormatReason {
  try {
    return read()
  } catch (error) {
    if (error instanceof FormatError) return error.reason
    throw error
  }
}
