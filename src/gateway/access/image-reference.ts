/** Docker's grammar of image references: registry, lower-case path, tag, digest. The id of an image is one too. */
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const registry = `(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::\\d{1,5})?`
const digest = '[a-zA-Z0-9]+(?:[+._-][a-zA-Z0-9]+)*:[0-9a-fA-F]{32,128}'
const reference = new RegExp(
  `^(?:${registry}/)?${component}(?:/${component})*(?::[\\w][\\w.-]{0,127})?(?:@${digest})?$`,
)
const maxLength = 512

export function isImageReference(text: string): boolean {
  return text.length <= maxLength && reference.test(text)
}

/** As a segment of an engine's path: `/` is escaped, `:` and `@` stay as they are. */
export function imagePathSegment(reference: string): string {
  return encodeURIComponent(reference).replaceAll('%3A', ':').replaceAll('%40', '@')
}
