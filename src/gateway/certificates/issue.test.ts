import { generateKeyPairSync, createPrivateKey, X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { issueAuthority, issueLeaf, makeKey, makeThrowAwayTls } from './issue.ts'

const now = Date.UTC(2026, 5, 1)
const day = 86_400_000
let caKey = ''
let leafKey = ''
let authority: X509Certificate

beforeAll(async () => {
  ;[caKey, leafKey] = await Promise.all([makeKey(), makeKey()])
  authority = new X509Certificate(await issueAuthority({ key: caKey, isFurther: false, now, days: 5000 }))
})

const issuer = () => ({ certificate: authority, key: createPrivateKey(caKey) })
const leaf = async (kind: 'server' | 'client', days: number, key = leafKey): Promise<X509Certificate> =>
  new X509Certificate(await issueLeaf({ kind, key, issuer: issuer(), now, days }))

test('the CA is self-signed, may sign certificates and nothing else, and lasts as long as asked', () => {
  expect(authority.subject).toBe('CN=harp.nc')
  expect(authority.ca).toBe(true)
  expect(authority.verify(authority.publicKey)).toBe(true)
  expect(authority.checkPrivateKey(createPrivateKey(caKey))).toBe(true)
  expect(authority.validToDate.getTime()).toBe(now + 5000 * day)
  expect(authority.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
})

test.each([
  ['server', 'CN=harp.nc', 'DNS:harp.nc'],
  ['client', 'CN=harp.client.nc', 'DNS:harp.client.nc'],
] as const)(
  'the %s certificate has the names that clients know, and no extended key usage',
  async (kind, subject, names) => {
    const certificate = await leaf(kind, 5000)

    expect(certificate).toMatchObject({ subject, subjectAltName: names, ca: false, keyUsage: undefined })
    expect(certificate.issuer).toBe('CN=harp.nc')
    expect(certificate.checkIssued(authority)).toBe(true)
    expect(certificate.verify(authority.publicKey)).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(leafKey))).toBe(true)
  },
)

test('serial numbers are random, of 128 bits, and positive', async () => {
  const serials = await Promise.all([1, 2, 3].map(async () => (await leaf('client', 1)).serialNumber))

  expect(new Set(serials).size).toBe(3)
  for (const serial of serials) {
    expect(serial.length).toBeLessThanOrEqual(32)
    expect(serial.length).toBeGreaterThan(24)
  }
})

test('no certificate is valid beyond its CA, nor before it', async () => {
  const certificate = await leaf('server', 6000)

  expect(certificate.validToDate).toEqual(authority.validToDate)
  expect(certificate.validFromDate.getTime()).toBeGreaterThanOrEqual(authority.validFromDate.getTime())
})

test('a clock that is a minute behind accepts it already', async () => {
  expect((await leaf('client', 1)).validFromDate.getTime()).toBeLessThan(now - 60_000)
})

test('the longest validity there is can be written', async () => {
  const pem = await issueAuthority({ key: caKey, isFurther: false, now, days: 1_000_000 })

  expect(new X509Certificate(pem).validToDate.getUTCFullYear()).toBe(4764)
})

test('a CA made again from its key verifies what the first one signed', async () => {
  const again = new X509Certificate(await issueAuthority({ key: caKey, isFurther: false, now, days: 1 }))

  const certificate = await leaf('server', 10)

  expect(certificate.checkIssued(again)).toBe(true)
  expect(certificate.verify(again.publicKey)).toBe(true)
})

test('a further CA has a name of its own', async () => {
  const one = new X509Certificate(await issueAuthority({ key: caKey, isFurther: true, now, days: 1 }))
  const other = new X509Certificate(await issueAuthority({ key: leafKey, isFurther: true, now, days: 1 }))

  expect(new Set([one.subject, other.subject, authority.subject]).size).toBe(3)
})

test('names that an operator has chosen stay when a certificate is replaced', async () => {
  const replaces = await leaf('client', 1)

  const pem = await issueLeaf({ kind: 'server', key: leafKey, issuer: issuer(), now, days: 1, replaces })

  expect(new X509Certificate(pem)).toMatchObject({
    subject: 'CN=harp.client.nc',
    subjectAltName: 'DNS:harp.client.nc',
  })
})

test.each(['P-256', 'P-384'])('a CA with a %s key signs too', async (namedCurve) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  const key = privateKey.export({ type: 'sec1', format: 'pem' }) as string
  const certificate = new X509Certificate(await issueAuthority({ key, isFurther: false, now, days: 9 }))

  const pem = await issueLeaf({
    kind: 'server',
    key: leafKey,
    issuer: { certificate, key: privateKey },
    now,
    days: 9,
  })

  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(new X509Certificate(pem).verify(certificate.publicKey)).toBe(true)
})

test('a CA key of another kind is named', async () => {
  const { privateKey } = generateKeyPairSync('ed25519')

  const issued = issueLeaf({
    kind: 'server',
    key: leafKey,
    issuer: { certificate: authority, key: privateKey },
    now,
    days: 9,
  })

  await expect(issued).rejects.toMatchObject({ code: 'FRP_CERT_UNUSABLE', message: /ed25519/ })
})

test('a server without certificates gets one for now', async () => {
  const { cert, key, ca } = await makeThrowAwayTls(now)

  expect(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(ca).toEqual([])
})
