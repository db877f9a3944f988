/**
 * Names that Windows keeps for itself: some characters, endings and devices. They are written with `%` and two hex
 * digits; so is a `%` that would be read as one of these.
 */
const reservedCharacter = /[\u0001-\u001f<>:"|?*\\]/g
const reservedEnding = /[. ]$/
const device = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i
/** Of what is escaped anywhere in a name: characters, endings, `%` itself, and the first letters of devices. */
const escapeOf = /%([0-9a-f]{2})/gi

export function escapeReserved(name: string): string {
  let escaped = name.replaceAll(escapeOf, (match) => `%25${match.slice(1)}`)
  escaped = escaped.replaceAll(reservedCharacter, escapeOne)
  escaped = escaped.replace(reservedEnding, escapeOne)
  return device.test(escaped) ? escapeOne(escaped.slice(0, 1)) + escaped.slice(1) : escaped
}

/** The inverse; of a name that was not escaped, the name itself, unless it looks like an escaped one. */
export function unescapeReserved(name: string): string {
  const plain = name.replaceAll(escapeOf, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return escapeReserved(plain) === name ? plain : name
}

function escapeOne(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`
}
