/**
 * Self-signed certificates made in the test run (ECDSA P-256, X.509 v3 with a SAN), so that no key is stored in
 * the tree and no program is needed. Validity is the caller's, also in the past.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

export interface SelfSigned {
  readonly cert: string
  readonly key: string
  /** Certificate and key in one text, as `cert.pem` wants it. */
  readonly pem: string
}

export interface SelfSignedOptions {
  readonly commonName?: string
  /** DNS names and addresses. */
  readonly names?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
}

export function makeSelfSigned(options: SelfSignedOptions = {}): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const day = 86_400_000
  const serial = Buffer.concat([Buffer.of(0x01), randomBytes(15)])
  // NOTE: verifiers find a trusted certificate by its name first, so two certificates must not share one.
  const commonName = options.commonName ?? `harp test ${serial.toString('hex')}`
  const name = der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, commonName))))
  const validity = der(
    0x30,
    time(options.notBefore ?? new Date(Date.now() - day)),
    time(options.notAfter ?? new Date(Date.now() + 30 * day)),
  )
  const names = (options.names ?? ['localhost', '127.0.0.1']).map((each) =>
    isIP(each) === 4 ? der(0x87, Buffer.from(each.split('.').map(Number))) : der(0x82, each),
  )
  const algorithm = der(0x30, oid('1.2.840.10045.4.3.2'))
  const authority = der(
    0x30,
    oid('2.5.29.19'),
    der(0x01, Buffer.of(0xff)),
    der(0x04, der(0x30, der(0x01, Buffer.of(0xff)))),
  )
  const extensions = der(0x30, der(0x30, oid('2.5.29.17'), der(0x04, der(0x30, ...names))), authority)
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  )
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey))
  const cert = toPem('CERTIFICATE', der(0x30, body, algorithm, signature))
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { cert, key, pem: cert + key }
}

function der(tag: number, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  const size = content.length
  const length =
    size < 0x80
      ? Buffer.of(size)
      : size < 0x100
        ? Buffer.of(0x81, size)
        : Buffer.of(0x82, size >> 8, size & 0xff)
  return Buffer.concat([Buffer.of(tag), length, content])
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return der(0x06, Buffer.from(bytes))
}

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  const year = date.getUTCFullYear()
  return year < 2050 ? der(0x17, `${text.slice(2)}Z`) : der(0x18, `${text}Z`)
}

function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
