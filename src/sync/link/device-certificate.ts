import { createPrivateKey, sign, type KeyObject, type X509Certificate } from 'node:crypto'
import { deviceIdOf, type DeviceKeys } from '../crypto/identity.ts'
import { isUsableSigningKey } from '../crypto/signing-key.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceId } from '../ids.ts'

/**
 * A device's key in the clothes of TLS: a self-signed certificate that no one checks except for its key. Its few fields
 * are written here, because loading a library for it costs more time and memory than the rest of a device's start.
 */
export interface DeviceCertificate {
  /** PEM */
  readonly cert: string
  /** PEM */
  readonly key: string
}

/** Before the raw key of 32 bytes (RFC 8410). */
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const keyLength = 32

const ed25519 = der(0x30, Buffer.from('06032b6570', 'hex'))
const commonName = Buffer.from('0603550403', 'hex')
/** Longer than anybody uses one; and nobody looks. */
const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x18, Buffer.from('21200101000000Z')))
const version3 = der(0xa0, der(0x02, Buffer.of(2)))
const serial = der(0x02, Buffer.of(1))

export function deviceCertificate(keys: DeviceKeys): DeviceCertificate {
  const der8 = Buffer.concat([privatePrefix, keys.signingSeed])
  const key = createPrivateKey({ key: der8, format: 'der', type: 'pkcs8' })
  const text = der(0x0c, Buffer.from(keys.deviceId.slice(0, 16)))
  const name = der(0x30, der(0x31, der(0x30, commonName, text)))
  const publicKey = Buffer.concat([publicPrefix, keys.record.signingKey])
  const body = der(0x30, version3, serial, ed25519, name, validity, name, publicKey)
  const signature = der(0x03, Buffer.of(0), sign(null, body, key))
  return {
    cert: pem(der(0x30, body, ed25519, signature)),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}

/** Undefined for any other kind of key, and for one that may not sign. */
export function deviceIdOfCertificate(
  suite: CryptoSuite,
  certificate: X509Certificate | undefined,
): DeviceId | undefined {
  const raw = certificate === undefined ? undefined : rawKey(certificate)
  return raw === undefined || !isUsableSigningKey(raw) ? undefined : deviceIdOf(suite, raw)
}

function rawKey(certificate: X509Certificate): Uint8Array | undefined {
  let key: KeyObject
  try {
    key = certificate.publicKey
  } catch {
    // A key that OpenSSL does not know.
    return undefined
  }
  if (key.asymmetricKeyType !== 'ed25519') return undefined
  const spki = key.export({ format: 'der', type: 'spki' })
  if (spki.length !== publicPrefix.length + keyLength) return undefined
  return new Uint8Array(spki.subarray(publicPrefix.length))
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
