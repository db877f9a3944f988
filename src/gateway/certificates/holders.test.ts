import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SetClock, type LogLine } from '../../../test/support/frp-certificate-set.ts'
import { makeSelfSigned } from '../../../test/support/self-signed.ts'
import { createLogger } from '../../base/logger.ts'
import { holderFilePath, maxHolders, readHolderFile } from './holder-file.ts'
import { CertificateHolders, heldCertificate, type HolderSighting } from './holders.ts'

const clock = new SetClock(Date.UTC(2026, 0, 1))
const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':')
let stateDir = ''
let log: LogLine[] = []

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'harp-holders-'))
  log = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  rmSync(stateDir, { recursive: true })
})

function open(directory = stateDir): CertificateHolders {
  const write = (line: string): void => void log.push(JSON.parse(line) as LogLine)
  const holders = new CertificateHolders({
    stateDir: directory,
    clock,
    log: createLogger('debug', { write }),
  })
  holders.start()
  return holders
}

function sighting(name: string, more: Partial<HolderSighting> = {}): HolderSighting {
  return {
    name,
    port: 23000,
    address: '192.0.2.1',
    certificate: {
      fingerprint256: fingerprint,
      serialNumber: '0A',
      validTo: new Date(0),
      issuerFingerprint: fingerprint,
    },
    ...more,
  }
}

const onDisk = () => readHolderFile(holderFilePath(stateDir))

test('who connected is there after a restart, for the owner alone', async () => {
  const holders = open()
  holders.record(sighting('app'))
  holders.record(sighting('engine', { port: 24001, address: '2001:db8::1' }))
  await holders.stop()

  expect(onDisk()).toEqual([
    {
      name: 'app',
      port: 23000,
      address: '192.0.2.1',
      lastSeen: '2026-01-01T00:00:00.000Z',
      certificate: {
        fingerprint256: fingerprint,
        serialNumber: '0A',
        validTo: '1970-01-01T00:00:00.000Z',
        issuerFingerprint: fingerprint,
      },
    },
    expect.objectContaining({ name: 'engine', port: 24001, address: '2001:db8::1' }),
  ])
  expect(statSync(holderFilePath(stateDir)).mode & 0o777).toBe(0o600)
  const again = open()
  again.record(sighting('third'))
  await again.stop()
  expect(onDisk().map(({ name }) => name)).toEqual(['app', 'engine', 'third'])
  expect(log).toEqual([])
})

test('the last sighting of a name counts, also without a known CA', async () => {
  const holders = open()
  holders.record(sighting('app'))
  holders.record(sighting('other'))
  holders.record(
    sighting('app', {
      address: '192.0.2.9',
      certificate: { fingerprint256: fingerprint, serialNumber: '0B', validTo: new Date(0) },
    }),
  )
  await holders.stop()

  expect(onDisk()).toMatchObject([
    { name: 'other' },
    { name: 'app', address: '192.0.2.9', certificate: { serialNumber: '0B', issuerFingerprint: null } },
  ])
})

test('a thousand logins at once are one write, some seconds later', async () => {
  const holders = open()
  for (let count = 0; count < 1000; count++) holders.record(sighting(`app-${count}`))
  expect(readdirSync(stateDir)).toEqual([])

  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(500)
  expect(vi.getTimerCount()).toBe(0)
  await holders.stop()

  expect(onDisk()).toHaveLength(1000)
})

test('past the limit the longest unseen goes', async () => {
  const holders = open()
  for (let count = 0; count <= maxHolders; count++) holders.record(sighting(`app-${count}`))
  holders.record(sighting('app-1'))
  holders.record(sighting('new'))
  await holders.stop()

  const names = onDisk().map(({ name }) => name)
  expect(names).toHaveLength(maxHolders)
  expect([names.includes('app-0'), names.includes('app-1'), names.includes('app-2')]).toEqual([
    false,
    true,
    false,
  ])
})

test.each([
  ['no JSON', 'x{'],
  ['of another kind', '{"format":"harp-tokens","version":1,"holders":[]}'],
  ['of a later version', '{"format":"harp-certificate-holders","version":2,"holders":[]}'],
  ['with a wrong entry', '{"format":"harp-certificate-holders","version":1,"holders":[{"name":"app"}]}'],
])('a file %s is kept beside, said, and begun anew', async (_what, text) => {
  writeFileSync(holderFilePath(stateDir), text)
  expect(() => onDisk()).toThrow(/certificate-holders\.json is damaged/)

  const holders = open()
  holders.record(sighting('app'))
  await holders.stop()

  expect(onDisk()).toMatchObject([{ name: 'app' }])
  expect(readFileSync(`${holderFilePath(stateDir)}.damaged`, 'utf8')).toBe(text)
  expect(log).toMatchObject([{ level: 'warn', code: 'HOLDERS_UNUSABLE' }])
})

test('names of the network cannot forge lines of a terminal, nor fill the disk', async () => {
  const holders = open()
  holders.record(sighting(`a\u001b[2J\n${'x'.repeat(10_000)}`))
  await holders.stop()

  const [entry] = onDisk()
  expect(entry?.name).toMatch(/^a\?\[2J\?x+$/)
  expect(entry?.name).toHaveLength(256)
})

test('a state directory that cannot be written is said once, and nothing else happens', async () => {
  const holders = open(join(stateDir, 'missing'))
  for (let count = 0; count < 3; count++) {
    holders.record(sighting('app'))
    vi.advanceTimersByTime(500)
  }
  await holders.stop()

  expect(log).toMatchObject([{ level: 'warn', code: 'STATE_DIR_UNUSABLE' }])
})

test('a certificate is told with the CA that signed it', () => {
  const [one, other] = [makeSelfSigned(), makeSelfSigned()]
  const certificate = new X509Certificate(one.cert)

  expect(heldCertificate(certificate, [other.cert, one.cert])).toEqual({
    fingerprint256: certificate.fingerprint256,
    serialNumber: certificate.serialNumber,
    validTo: certificate.validToDate,
    issuerFingerprint: certificate.fingerprint256,
  })
  expect(heldCertificate(certificate, [other.cert]).issuerFingerprint).toBeNull()
})
