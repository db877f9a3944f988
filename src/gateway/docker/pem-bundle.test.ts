import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { namedCertificates, trustedCertificates } from '../../../test/support/certificate-samples.ts'
import { pemOf, readBundle } from './pem-bundle.ts'

const [one, other] = namedCertificates
const junk = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n'

test('certificates come in their order, each once, whatever stands between them', () => {
  const bundle = `# Mozilla\n${one.pem}\nlabel\n=====\r\n${other.pem.replaceAll('\n', '\r\n')}${one.pem}`

  const { certificates, skipped } = readBundle(bundle)

  expect(certificates.map(pemOf)).toEqual([one.pem, other.pem])
  expect(skipped).toBe(0)
})

test('a block that is no certificate is skipped and counted', () => {
  const cut = one.pem.replace(/\n.*\n-----END/, '\n-----END')

  expect(readBundle(`${cut}${other.pem}`)).toMatchObject({ certificates: { length: 1 }, skipped: 1 })
  expect(readBundle('')).toEqual({ certificates: [], skipped: 0 })
  expect(readBundle(one.pem.slice(0, -30)).certificates).toEqual([])
})

test.each(['forServers', 'forAll'] as const)(
  'a certificate trusted %s is taken as an ordinary one',
  (kind) => {
    const { certificates } = readBundle(trustedCertificates[kind])

    expect(certificates.map(pemOf)).toEqual([pemOf(new X509Certificate(one.pem))])
  },
)

test.each(['forMail', 'notForServers'] as const)('a certificate trusted %s is left out', (kind) => {
  expect(readBundle(trustedCertificates[kind])).toEqual({ certificates: [], skipped: 1 })
})

test('a bundle of nothing but blocks is read to a limit', () => {
  const { certificates, skipped } = readBundle(`${junk.repeat(10_000)}${one.pem}`)

  expect(certificates).toEqual([])
  expect(skipped).toBe(10_001)
})
