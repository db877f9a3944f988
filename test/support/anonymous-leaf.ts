/** A server certificate as old tools make it: it has the name of its CA, and nothing in it tells whose key signed it. */
import { createPrivateKey, createPublicKey, type webcrypto } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

export interface AnonymousLeafOptions {
  /** PEM */
  readonly key: string
  /** PEM of the private key that signs. */
  readonly signedBy: string
  /** DNS name. */
  readonly name?: string
  readonly from?: number
  readonly to?: number
}

const dayMs = 86_400_000
const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }

export async function makeAnonymousLeaf(options: AnonymousLeafOptions): Promise<string> {
  const { key, signedBy, name = 'harp.nc', from = Date.now() - dayMs, to = Date.now() + dayMs } = options
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=harp.nc',
    issuer: 'CN=harp.nc',
    notBefore: new Date(from),
    notAfter: new Date(to),
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }) as Buffer<ArrayBuffer>,
    signingKey: createPrivateKey(signedBy).toCryptoKey(rsa, false, ['sign']) as webcrypto.CryptoKey,
    signingAlgorithm: rsa,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  })
  return `${certificate.toString('pem')}\n`
}
