import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { linkDevice } from '../../../test/sync/support/link-hubs.ts'
import { makeSelfSigned } from '../../../test/support/self-signed.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { deviceCertificate, deviceIdOfCertificate } from './device-certificate.ts'

test('a certificate shows the device that made it, and is signed by its own key', () => {
  const keys = linkDevice(0)
  const { cert, key } = deviceCertificate(keys)
  const parsed = new X509Certificate(cert)

  expect(deviceIdOfCertificate(nodeSuite, parsed)).toBe(keys.deviceId)
  expect(parsed.verify(parsed.publicKey)).toBe(true)
  expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(parsed.subject).toBe(`CN=${keys.deviceId.slice(0, 16)}`)
  expect(parsed.issuer).toBe(parsed.subject)
  expect(new Date(parsed.validFrom).getUTCFullYear()).toBe(2020)
  expect(new Date(parsed.validTo).getUTCFullYear()).toBe(2120)
})

test('other kinds of keys, and none, are no device', () => {
  expect(deviceIdOfCertificate(nodeSuite, new X509Certificate(makeSelfSigned().cert))).toBeUndefined()
  expect(deviceIdOfCertificate(nodeSuite, undefined)).toBeUndefined()
})

test('the certificate holds nothing secret', () => {
  const keys = linkDevice(1)
  const raw = new X509Certificate(deviceCertificate(keys).cert).raw
  expect(raw.includes(Buffer.from(keys.signingSeed))).toBe(false)
  expect(raw.includes(Buffer.from(keys.agreementSecret))).toBe(false)
})
