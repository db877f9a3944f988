import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { namedCertificates } from '../../../test/support/certificate-samples.ts'
import { subjectHash } from './subject-hash.ts'

test.each(namedCertificates)('the hash of a name is what OpenSSL says: $name', ({ pem, hash }) => {
  expect(subjectHash(new X509Certificate(pem))).toBe(hash)
})
