/** Of a program that failed: all that it said may be long. */
const longest = 600

export function lastWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.length <= longest ? text : `… ${text.slice(-longest)}`
}
