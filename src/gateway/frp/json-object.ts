export type JsonObject = Readonly<Record<string, unknown>>

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The JSON object in the bytes, or null when they are anything else.
 * NOTE: the parser's own error is dropped on purpose; it quotes the text, which may hold keys.
 */
export function parseJsonObject(bytes: Buffer): JsonObject | null {
  try {
    return asObject(JSON.parse(utf8.decode(bytes)))
  } catch {
    return null
  }
}

/** The value as an object; null for anything else, arrays too. */
export function asObject(value: unknown): JsonObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return value as JsonObject
}
