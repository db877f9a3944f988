/**
 * Makes keys and certificates, with the names and extensions that the original's clients know: RSA-2048, SHA-256, a DNS
 * name as SAN, no extended key usage. Keys that exist already may also be elliptic.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  type webcrypto,
  type X509Certificate,
} from 'node:crypto'
import { promisify } from 'node:util'
import type * as x509 from '@peculiar/x509'
import { gatewayError } from '../errors.ts'

/** Who signs: the certificate's name and end count, the key belongs to it. */
export interface Issuer {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

export type LeafKind = 'server' | 'client'

/** What clients verify and what the contract names; the CA has the server's common name. */
export const serverName = 'harp.nc'
const leafNames: Readonly<Record<LeafKind, string>> = { server: serverName, client: 'harp.client.nc' }

const dayMs = 86_400_000
/** A client whose clock is a little behind accepts a certificate that was made just now. */
const backdateMs = 3_600_000
const throwAwayDays = 3_650
const generate = promisify(generateKeyPair)

export async function makeKey(): Promise<string> {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

export interface Validity {
  /** Milliseconds of the wall clock. */
  readonly now: number
  readonly days: number
}

export interface AuthorityOptions extends Validity {
  readonly key: string
  /**
   * A further CA beside another one. Its subject then tells the two apart: OpenSSL finds issuers by name and may try
   * the wrong one of two with the same, where a leaf does not identify its issuer's key.
   */
  readonly isFurther: boolean
}

/** Self-signed. The same key always gives an equivalent CA: whatever one has signed verifies under the other. */
export async function issueAuthority(options: AuthorityOptions): Promise<string> {
  const lib = await library()
  const publicKey = publicKeyOf(options.key)
  const name = `CN=${serverName}${options.isFurther ? `, OU=CA ${shortId(publicKey)}` : ''}`
  const certificate = await lib.X509CertificateGenerator.create({
    subject: name,
    issuer: name,
    ...period(options),
    publicKey,
    ...signer(createPrivateKey(options.key)),
    extensions: [
      new lib.BasicConstraintsExtension(true, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.keyCertSign, true),
      await lib.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

export interface LeafOptions extends Validity {
  readonly kind: LeafKind
  /** PEM */
  readonly key: string
  readonly issuer: Issuer
  /** Its subject and names are kept, such as those an operator has chosen. */
  readonly replaces?: X509Certificate
}

/** Never valid beyond its issuer. */
export async function issueLeaf(options: LeafOptions): Promise<string> {
  const lib = await library()
  const { issuer, kind, replaces } = options
  const publicKey = publicKeyOf(options.key)
  const authority = new lib.X509Certificate(issuer.certificate.raw)
  const authorityKeyId = authority.getExtension(lib.SubjectKeyIdentifierExtension)?.keyId
  const old = replaces === undefined ? null : new lib.X509Certificate(replaces.raw)
  const certificate = await lib.X509CertificateGenerator.create({
    subject: old?.subjectName ?? `CN=${leafNames[kind]}`,
    // NOTE: the parsed name, not its text: Go compares the bytes, and OpenSSL writes other string types than we would.
    issuer: authority.subjectName,
    ...period(options, authority),
    publicKey,
    ...signer(issuer.key),
    extensions: [
      old?.getExtension(lib.SubjectAlternativeNameExtension) ??
        new lib.SubjectAlternativeNameExtension([{ type: 'dns', value: leafNames[kind] }]),
      await lib.SubjectKeyIdentifierExtension.create(publicKey),
      authorityKeyId === undefined
        ? await lib.AuthorityKeyIdentifierExtension.create(authority.publicKey)
        : new lib.AuthorityKeyIdentifierExtension(authorityKeyId),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

/** For a server without certificates of its own, whose clients verify nothing: new at every start. */
export async function makeThrowAwayTls(
  now: number,
): Promise<{ cert: string; key: string; ca: readonly string[] }> {
  const key = await makeKey()
  const cert = await issueAuthority({ key, isFurther: false, now, days: throwAwayDays })
  return { cert, key, ca: [] }
}

interface Period {
  readonly notBefore: Date
  readonly notAfter: Date
}

function period({ now, days }: Validity, within?: Period): Period {
  const notBefore = Math.max(now - backdateMs, within?.notBefore.getTime() ?? 0)
  const notAfter = Math.min(now + days * dayMs, within?.notAfter.getTime() ?? Infinity)
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) }
}

interface Signer {
  readonly signingKey: webcrypto.CryptoKey
  readonly signingAlgorithm: { readonly name: string; readonly hash: string }
}

function signer(key: KeyObject): Signer {
  if (key.asymmetricKeyType === 'rsa') {
    const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    return { signingKey: key.toCryptoKey(rsa, false, ['sign']), signingAlgorithm: rsa }
  }
  const namedCurve = curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (namedCurve === undefined) {
    const what = `a CA key of the kind ${key.asymmetricKeyType ?? 'unknown'} cannot sign here`
    throw gatewayError('FRP_CERT_UNUSABLE', what)
  }
  const signingKey = key.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign'])
  return { signingKey, signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' } }
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384' }

function publicKeyOf(privateKeyPem: string): Buffer<ArrayBuffer> {
  return Buffer.from(createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' }))
}

function shortId(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 12)
}

/** Loaded when something is made, which is hardly ever. */
async function library(): Promise<typeof x509> {
  // NOTE: the injector inside the library refuses to load without it.
  await import('reflect-metadata')
  return import('@peculiar/x509')
}
