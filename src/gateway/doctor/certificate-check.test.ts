import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { makeSelfSigned } from '../../../test/support/self-signed.ts'
import { judgeValidity } from './certificate-check.ts'

const day = 86_400_000
const now = Date.UTC(2026, 5, 1)
const { cert } = makeSelfSigned({
  names: ['cloud.example.com', '192.0.2.1'],
  notBefore: new Date(now - 10 * day),
  notAfter: new Date(now + 60 * day),
})
const certificate = new X509Certificate(cert)

test.each<[string, string, number]>([
  ['in its time', 'ok', now],
  ['a month before its end', 'warn', now + 31 * day],
  ['after its end', 'fail', now + 61 * day],
  ['before its time', 'fail', now - 11 * day],
])('a certificate %s is %s', (_when, status, at) => {
  expect(judgeValidity(certificate, at, null).status).toBe(status)
})

test.each<[string, string]>([
  ['https://cloud.example.com', 'ok'],
  ['https://192.0.2.1:8781', 'ok'],
  ['https://other.example.com', 'warn'],
  ['http://other.example.com', 'ok'],
])('for %s the name of the certificate is %s', (url, status) => {
  expect(judgeValidity(certificate, now, new URL(url)).status).toBe(status)
})
