import { X509Certificate } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { eventually } from '../../../test/support/deadline.ts'
import {
  CertsDir,
  makeFrpSet,
  pick,
  SetClock,
  type FrpSet,
} from '../../../test/support/frp-certificate-set.ts'
import { makeSelfSigned } from '../../../test/support/self-signed.ts'
import { gatewayError } from '../errors.ts'
import { FrpDirectory } from './frp-directory.ts'
import type { FrpCertificates, FrpCertificatesOptions } from './frp-certificates.ts'
import { issueAuthority, issueLeaf } from './issue.ts'

const day = 86_400_000
const hour = 3_600_000
const madeAt = Date.UTC(2026, 0, 1)
let set: FrpSet
let other: FrpSet
/** The CA lives for years, the server's certificate for 100 days. */
let short: FrpSet

beforeAll(async () => {
  const clock = new SetClock(madeAt)
  set = await makeFrpSet({ clock })
  other = await makeFrpSet({ clock })
  const issuer = issuerOf(set)
  const key = set['server.key'] ?? ''
  const server = await issueLeaf({ kind: 'server', key, issuer, now: madeAt, days: 100 })
  short = { ...set, 'server.crt': server }
})

let running: FrpCertificates | undefined
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  running?.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

async function start(
  place: CertsDir,
  options: Partial<FrpCertificatesOptions> = {},
): Promise<FrpCertificates> {
  running = place.certificates({ clock: new SetClock(madeAt), ...options })
  await running.start()
  return running
}

function issuerOf(of: FrpSet) {
  using place = new CertsDir(of)
  return place.directory.read().issuer()
}

test('row 148: a set that is there is used as it is', async () => {
  using place = new CertsDir(set)

  const certificates = await start(place)

  expect(place.read()).toEqual(set)
  expect(certificates.bundle).toEqual({
    cert: set['server.crt'],
    key: set['server.key'],
    ca: [set['ca.crt']],
    validTo: new X509Certificate(set['server.crt'] ?? '').validToDate,
  })
  expect(place.bundles).toEqual([certificates.bundle])
  expect(certificates.clientFiles()).toEqual(pick(set, 'ca.crt', 'client.crt', 'client.key'))
  expect(place.log).toEqual([])
})

test('the other files that the original leaves stay, too', async () => {
  const more = { ...set, 'ca.srl': '01\n', 'server.csr': 'x', 'server-openssl.cnf': 'y' }
  using place = new CertsDir(more)

  await start(place)

  expect(place.read()).toEqual(more)
})

test.each([
  ['a key of another certificate', { 'server.key': 'other' }, 'FRP_CERT_MISMATCH', 'server.key'],
  ['no key', { 'server.key': 'text' }, 'FRP_CERT_UNUSABLE', 'server.key'],
  ['an empty key', { 'server.key': 'empty' }, 'FRP_CERT_UNUSABLE', 'server.key'],
  ['no certificate', { 'server.crt': 'text' }, 'FRP_CERT_UNUSABLE', 'server.crt'],
  ['a broken certificate', { 'server.crt': 'broken' }, 'FRP_CERT_UNUSABLE', 'server.crt'],
  ['no CA', { 'ca.crt': 'text' }, 'FRP_CERT_UNUSABLE', 'ca.crt'],
  ['an endless CA file', { 'ca.crt': 'endless' }, 'FRP_CERT_UNUSABLE', 'ca.crt'],
] as const)('%s stops the start with the name of the file', async (_what, change, code, file) => {
  const texts: Record<string, (name: string) => string> = {
    other: (name) => other[name] ?? '',
    text: () => 'hello\n',
    empty: () => '',
    broken: () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    endless: (name) => `${set[name]}${'#'.repeat(300_000)}`,
  }
  const changed = Object.entries(change).map(([name, how]) => [name, texts[how]?.(name) ?? ''])
  using place = new CertsDir({ ...set, ...(Object.fromEntries(changed) as FrpSet) })
  const before = place.read()

  await expect(start(place)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(join(place.frp, file)),
    fix: expect.stringMatching(/./),
  })
  expect(place.read()).toEqual(before)
})

test('a directory in the place of a key is named', async () => {
  using place = new CertsDir(set)
  place.remove('server.key')
  mkdirSync(join(place.frp, 'server.key'))

  await expect(start(place)).rejects.toMatchObject({
    code: 'FRP_CERT_UNUSABLE',
    message: expect.stringContaining('server.key'),
  })
})

test.each([
  ['of another CA', () => pick(other, 'server.crt', 'server.key'), 'server.crt does not verify under ca.crt'],
  ['for another name', namedOtherwise, 'server.crt is not for the name harp.nc'],
] as const)('a server certificate %s is used, with a warning', async (_what, change, problem) => {
  using place = new CertsDir({ ...set, ...change() })

  const certificates = await start(place, { clock: new SetClock() })

  expect(certificates.bundle?.cert).toBe(place.read()['server.crt'])
  expect(place.problems().filter(({ msg }) => msg.includes('do not fit'))).toMatchObject([
    { code: 'FRP_CERT_MISMATCH', problem: expect.stringContaining(problem) },
  ])
})

function namedOtherwise(): FrpSet {
  const { cert, key } = makeSelfSigned({ names: ['example.com'] })
  return { 'server.crt': cert, 'server.key': key, 'ca.crt': `${set['ca.crt']}${cert}` }
}

test.each([
  ['of another CA', () => pick(other, 'client.crt', 'client.key'), 'FRP_CERT_MISMATCH'],
  ['with another key', () => pick(other, 'client.key'), 'FRP_CERT_MISMATCH'],
  ['that is none', () => ({ 'client.crt': 'x' }), 'FRP_CERT_UNUSABLE'],
] as const)('a client certificate %s is not handed out, and tunnels go on', async (_what, change, code) => {
  using place = new CertsDir({ ...set, ...change() })

  const certificates = await start(place)

  expect(certificates.bundle).not.toBeNull()
  expect(() => certificates.clientFiles()).toThrow(expect.objectContaining({ code }))
})

test('a key of the CA that fits nothing is said, since nothing could be renewed', async () => {
  using place = new CertsDir({ ...set, ...pick(other, 'ca.key') })

  await start(place)

  expect(place.problems()).toMatchObject([
    { code: 'FRP_CERT_MISMATCH', problem: expect.stringMatching(/nothing can be renewed: .*ca\.key/) },
  ])
})

test('an operator may have put the private key of the CA away', async () => {
  using place = new CertsDir(set)
  place.remove('ca.key')

  await start(place)

  expect(place.problems()).toEqual([])
})

test('a renewed server certificate keeps key and CA, is announced, and clients see no difference', async () => {
  using place = new CertsDir(short)
  const clock = new SetClock(madeAt + 71 * day)

  const certificates = await start(place, { clock })

  const after = place.read()
  expect({ ...after, 'server.crt': short['server.crt'] }).toEqual(short)
  const server = new X509Certificate(after['server.crt'] ?? '')
  expect(server.verify(new X509Certificate(set['ca.crt'] ?? '').publicKey)).toBe(true)
  expect(server).toMatchObject({ subject: 'CN=harp.nc', subjectAltName: 'DNS:harp.nc' })
  expect(server.validToDate).toEqual(new X509Certificate(set['ca.crt'] ?? '').validToDate)
  expect(place.bundles.map(({ cert }) => cert)).toEqual([short['server.crt'], after['server.crt']])
  expect(certificates.bundle?.cert).toBe(after['server.crt'])
})

test('it renews while it runs, within an hour of the time', async () => {
  using place = new CertsDir(short)
  const clock = new SetClock(madeAt + 69 * day)
  const certificates = await start(place, { clock })
  vi.advanceTimersByTime(2_000)
  expect(certificates.bundle?.cert).toBe(short['server.crt'])

  clock.advance(2 * day)
  vi.advanceTimersByTime(2_000)

  await eventually('the renewal', () => (place.bundles.length === 2 ? true : undefined))
  expect(place.read()['server.crt']).toBe(certificates.bundle?.cert)
})

test.each([
  ['its CA ends at the same time', () => set, 4_990],
  ['the private key of the CA is not here', () => ({ ...short, 'ca.key': '' }), 90],
] as const)('nothing is renewed where %s', async (_what, files, days) => {
  using place = new CertsDir(files())
  if (place.read()['ca.key'] === '') place.remove('ca.key')
  const before = place.read()

  await start(place, { clock: new SetClock(madeAt + days * day) })

  expect(place.read()).toEqual(before)
  expect(place.problems().map(({ code }) => code)).toContain('FRP_CERT_EXPIRES')
})

test('a renewal that cannot be written is said, and the tunnels start', async () => {
  using place = new CertsDir(short)
  const replace = vi.spyOn(FrpDirectory.prototype, 'replace').mockImplementation(() => {
    throw gatewayError('FRP_CERT_UNWRITABLE', 'cannot write')
  })

  const certificates = await start(place, { clock: new SetClock(madeAt + 71 * day) })
  replace.mockRestore()

  expect(certificates.bundle?.cert).toBe(short['server.crt'])
  expect(place.problems().map(({ code }) => code)).toContain('FRP_CERT_UNWRITABLE')
})

test('expiry is said from 90 days before, once a day, of every certificate', async () => {
  using place = new CertsDir(set)
  const clock = new SetClock(madeAt + (5000 - 89) * day)
  await start(place, { clock })
  const said = (): unknown[] =>
    place.problems().map(({ code, certificate }) => `${code} ${String(certificate)}`)
  const soon = ['FRP_CERT_EXPIRES ca', 'FRP_CERT_EXPIRES server', 'FRP_CERT_EXPIRES client']
  expect(said()).toEqual(soon)

  for (let hours = 0; hours < 23; hours++) {
    clock.advance(hour)
    vi.advanceTimersByTime(2_000)
    await Promise.resolve()
  }
  expect(said()).toEqual(soon)
  clock.advance(100 * day)
  vi.advanceTimersByTime(2_000)

  await eventually('the second warning', () => (place.problems().length === 6 ? true : undefined))
  expect(said().slice(3)).toEqual([
    'FRP_CERT_EXPIRED ca',
    'FRP_CERT_EXPIRED server',
    'FRP_CERT_EXPIRED client',
  ])
})

test('expiries are those of the files in use, with the CA that ends first', async () => {
  using place = new CertsDir(short)
  const certificates = await start(place)

  const days = certificates
    .expiries()
    .map(({ certificate, validTo }) => [certificate, (validTo.getTime() - madeAt) / day])

  expect(days).toEqual([
    ['ca', 5000],
    ['server', 100],
    ['client', 5000],
  ])
})

test('changed files are in use within seconds', async () => {
  using place = new CertsDir(set)
  const certificates = await start(place)

  place.write(other)
  vi.advanceTimersByTime(2_000)

  expect(certificates.bundle).toMatchObject({ cert: other['server.crt'], ca: [other['ca.crt']] })
  expect(place.bundles).toHaveLength(2)
  vi.advanceTimersByTime(10_000)
  expect(place.bundles).toHaveLength(2)
})

test('a change of the client files alone leaves the server alone', async () => {
  using place = new CertsDir(set)
  const certificates = await start(place)
  const key = other['client.key'] ?? ''
  const client = await issueLeaf({ kind: 'client', key, issuer: issuerOf(set), now: madeAt, days: 10 })

  place.write({ 'client.crt': client, 'client.key': key })
  vi.advanceTimersByTime(2_000)

  expect(place.bundles).toHaveLength(1)
  expect(certificates.clientFiles()?.['client.crt']).toBe(client)
  expect(certificates.expiries().at(-1)?.validTo.getTime()).toBe(madeAt + 10 * day)
})

test('SIGHUP reads at once', async () => {
  using place = new CertsDir(set)
  const certificates = await start(place)

  place.write(other)
  certificates.reload()

  expect(certificates.bundle?.cert).toBe(other['server.crt'])
})

test('files that do not fit leave the last good ones in use and are named once', async () => {
  using place = new CertsDir(set)
  const certificates = await start(place)

  place.write(pick(other, 'server.crt'))
  vi.advanceTimersByTime(2_000)
  // Half of a copy of two files: no complaint yet.
  expect(place.problems()).toEqual([])
  vi.advanceTimersByTime(20_000)

  expect(certificates.bundle?.cert).toBe(set['server.crt'])
  expect(place.problems()).toMatchObject([
    { code: 'FRP_CERT_MISMATCH', next: expect.stringContaining('last good') },
  ])
  place.write(pick(set, 'server.crt'))
  vi.advanceTimersByTime(2_000)
  rmSync(place.frp, { recursive: true })
  vi.advanceTimersByTime(4_000)
  expect(certificates.bundle?.cert).toBe(set['server.crt'])
  expect(place.problems().at(-1)).toMatchObject({ code: 'FRP_CERT_MISSING' })
})

test('every CA of ca.crt is accepted', async () => {
  using place = new CertsDir({ ...set, 'ca.crt': `a comment\n${other['ca.crt']}\n${set['ca.crt']}` })

  const { bundle } = await start(place)

  expect(bundle?.ca).toEqual([other['ca.crt'], set['ca.crt']])
})

test('a CA that is not valid any more is said at the start', async () => {
  const key = set['ca.key'] ?? ''
  const authority = await issueAuthority({ key, isFurther: false, now: madeAt, days: 1 })
  using place = new CertsDir({ ...set, 'ca.crt': authority })

  await start(place, { clock: new SetClock(madeAt + 2 * day) })

  expect(place.problems()).toMatchObject([{ code: 'FRP_CERT_EXPIRED', certificate: 'ca', level: 'error' }])
})

test('no private key reaches the log', async () => {
  using place = new CertsDir({ ...set, 'server.key': other['server.key'] ?? '' })
  await start(place).catch(() => undefined)
  writeFileSync(join(place.frp, 'server.key'), set['server.key'] ?? '')
  await start(place)
  place.write(pick(other, 'server.key'))
  running?.reload()

  expect(place.problems()).toHaveLength(1)
  expect(JSON.stringify(place.log)).not.toMatch(/PRIVATE KEY|[A-Za-z0-9+/]{60}/)
})
