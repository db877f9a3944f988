/**
 * The name under which OpenSSL looks an authority up in a directory (`openssl x509 -subject_hash`): the first four bytes
 * of SHA-1 over the subject in a canonical form.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import { encodeElement, readElement, readElements, type DerElement } from './der.ts'

const utf8String = 0x0c
/** How the characters of each kind of text are stored. */
const encodings: ReadonlyMap<number, 'utf8' | 'latin1' | 'utf16be'> = new Map([
  [utf8String, 'utf8'],
  [0x13, 'latin1'],
  [0x14, 'latin1'],
  [0x16, 'latin1'],
  [0x1a, 'latin1'],
  [0x1e, 'utf16be'],
])

/** Eight hexadecimal digits; null: the certificate's name cannot be read. */
export function subjectHash(certificate: X509Certificate): string | null {
  const names = subjectOf(certificate.raw)
  const parts = names?.map(canonicalSet)
  if (parts === undefined || parts.includes(null)) return null
  const digest = createHash('sha1')
  for (const part of parts) if (part !== null) digest.update(part)
  return digest.digest().readUInt32LE(0).toString(16).padStart(8, '0')
}

/** The sets of the subject: after version, serial number, algorithm, issuer and validity. */
function subjectOf(der: Buffer): DerElement[] | null {
  const body = readElement(readElement(der)?.content ?? Buffer.alloc(0))
  const fields = body === null ? null : readElements(body.content)
  if (fields === null) return null
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4]
  return subject === undefined ? null : readElements(subject.content)
}

function canonicalSet(set: DerElement): Buffer | null {
  const attributes = readElements(set.content)
  if (attributes === null) return null
  const canonical = attributes.map(canonicalAttribute)
  const sorted = canonical.flatMap((each) => each ?? []).toSorted((one, other) => Buffer.compare(one, other))
  return sorted.length === canonical.length ? encodeElement(set.tag, Buffer.concat(sorted)) : null
}

function canonicalAttribute(attribute: DerElement): Buffer | null {
  const [type, value] = readElements(attribute.content) ?? []
  if (type === undefined || value === undefined) return null
  const text = textOf(value)
  const canonical = text === null ? value.whole : encodeElement(utf8String, Buffer.from(canonicalText(text)))
  return encodeElement(attribute.tag, Buffer.concat([type.whole, canonical]))
}

function canonicalText(text: string): string {
  const collapsed = text.replace(/[\t-\r ]+/g, ' ').replace(/^ | $/g, '')
  return collapsed.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** null: not a text. */
function textOf({ tag, content }: DerElement): string | null {
  switch (encodings.get(tag)) {
    case 'utf8':
      return content.toString('utf8')
    case 'latin1':
      return content.toString('latin1')
    case 'utf16be':
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : null
    case undefined:
      return null
  }
}
