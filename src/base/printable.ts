/**
 * Text from elsewhere, on one line of a terminal: nothing in it moves the cursor, changes a colour or begins a line of
 * its own; and no novel.
 */
export function printable(text: string, maxCharacters = 1_000): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return clean.length > maxCharacters ? `${clean.slice(0, maxCharacters)}…` : clean
}
