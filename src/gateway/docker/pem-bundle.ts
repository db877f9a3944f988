/** The certificates in Nextcloud's bundle, and in an image's, as certificates. Pure. */
import { X509Certificate } from 'node:crypto'
import { readElement, readElements } from './der.ts'

const block = /-----BEGIN (TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+?)-----END \1?CERTIFICATE-----/g
/** What is more is not read: each one costs a moment in which nothing else goes on. */
const maxBlocks = 2_000

// DER of the uses that OpenSSL may allow or forbid for a trusted certificate.
const serverAuth = Buffer.from('06082b06010505070301', 'hex')
const anyUse = Buffer.from('0604551d2500', 'hex')
const trustTag = 0x30
const rejectTag = 0xa0

export interface ReadBundle {
  /** Each one once, in the order of the bundle. */
  readonly certificates: readonly X509Certificate[]
  /** Blocks that are no certificate, none that vouches for servers, or too many. */
  readonly skipped: number
}

export function readBundle(pem: string): ReadBundle {
  const found = new Map<string, X509Certificate>()
  let blocks = 0
  let repeated = 0
  for (const [, trusted, base64 = ''] of pem.matchAll(block)) {
    blocks += 1
    if (blocks > maxBlocks) continue
    const bytes = Buffer.from(base64, 'base64')
    const certificate = parse(trusted === undefined ? bytes : trustedForServers(bytes))
    if (certificate === null) continue
    if (found.has(certificate.fingerprint256)) repeated += 1
    found.set(certificate.fingerprint256, certificate)
  }
  return { certificates: [...found.values()], skipped: blocks - repeated - found.size }
}

/** One certificate as PEM, with a line end. */
export function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString().trim()}\n`
}

function parse(bytes: Buffer | null): X509Certificate | null {
  if (bytes === null) return null
  try {
    return new X509Certificate(bytes)
  } catch {
    // What is no certificate would end the reading of a bundle there for some programs.
    return null
  }
}

/** A trusted certificate is one with a list behind it of what it is, or is not, trusted for. */
function trustedForServers(bytes: Buffer): Buffer | null {
  const certificate = readElement(bytes)
  if (certificate === null) return null
  const rest = bytes.subarray(certificate.whole.length)
  const lists = rest.length === 0 ? [] : readElements(readElement(rest)?.content ?? Buffer.of(0))
  if (lists === null) return null
  const names = (content: Buffer): boolean => content.includes(serverAuth) || content.includes(anyUse)
  const trusted = lists.find((each) => each.tag === trustTag)
  const rejected = lists.find((each) => each.tag === rejectTag)
  if (
    (trusted !== undefined && !names(trusted.content)) ||
    (rejected !== undefined && names(rejected.content))
  ) {
    return null
  }
  return certificate.whole
}
