import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test, vi } from 'vitest'
import {
  CertsDir,
  frpSetNames,
  makeFrpSet,
  pick,
  SetClock,
  type FrpSet,
} from '../../../test/support/frp-certificate-set.ts'
import { readCertificateStatus } from './certificate-status.ts'
import { FrpDirectory } from './frp-directory.ts'
import { isIssuedBy } from './frp-files.ts'
import type { CertificateHolder } from './holder-file.ts'
import { beginRollover, finishRollover } from './rollover.ts'

// Keys take most of the time here, and any will do as long as they differ.
const pool = vi.hoisted(() => ({ keys: [] as string[], next: 0 }))
vi.mock('./issue.ts', async (original) => ({
  ...(await original<object>()),
  makeKey: () => Promise.resolve(pool.keys[pool.next++ % pool.keys.length]),
}))

const day = 86_400_000
const now = Date.UTC(2030, 0, 1)
const fourYearsAgo = now - 4 * 365 * day
let old: FrpSet

beforeAll(async () => {
  pool.keys = Array.from({ length: 12 }, () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  })
  old = await makeFrpSet({ clock: new SetClock(fourYearsAgo) })
})

class PowerCut extends Error {}

/** Stops right after the given write. */
class InterruptedDirectory extends FrpDirectory {
  #left: number

  constructor(certsDir: string, writes: number) {
    super(certsDir)
    this.#left = writes
  }

  #wrote<Result>(result: Result): Result {
    if (--this.#left === 0) throw new PowerCut()
    return result
  }

  override create(...given: Parameters<FrpDirectory['create']>): boolean {
    return this.#wrote(super.create(...given))
  }

  override replace(...given: Parameters<FrpDirectory['replace']>): void {
    this.#wrote(super.replace(...given))
  }

  override adopt(...given: Parameters<FrpDirectory['adopt']>): void {
    this.#wrote(super.adopt(...given))
  }

  override keep(...given: Parameters<FrpDirectory['keep']>): string | null {
    return this.#wrote(super.keep(...given))
  }

  override remove(...given: Parameters<FrpDirectory['remove']>): void {
    this.#wrote(super.remove(...given))
  }
}

const begin = (place: CertsDir, holders: readonly CertificateHolder[] = [], directory = place.directory) =>
  beginRollover({ directory, now, validityDays: 5000, holders })
const finish = (
  place: CertsDir,
  holders: readonly CertificateHolder[] = [],
  force = false,
  directory = place.directory,
) => finishRollover({ directory, now, validityDays: 5000, holders, force })

/** Whether a client with these files and the server with those on the disk would accept each other. */
function connects(place: CertsDir, client: FrpSet): boolean {
  const files = place.directory.read()
  const trusted = splitPem(client['ca.crt'] ?? '')
  const clientCertificate = new X509Certificate(client['client.crt'] ?? '')
  const server = files.pair('server')
  return (
    trusted.some((each) => isIssuedBy(server.certificate, each)) &&
    files.certificates('ca.crt').some((each) => isIssuedBy(clientCertificate, each))
  )
}

function splitPem(text: string): X509Certificate[] {
  return (text.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map(
    (each) => new X509Certificate(each),
  )
}

/** What the gateway would hand out now. */
async function handedOut(place: CertsDir): Promise<FrpSet> {
  const before = place.read()
  const certificates = place.certificates({ clock: new SetClock(now) })
  await certificates.start()
  certificates.stop()
  expect(place.read()).toEqual(before)
  expect(place.problems()).toEqual([])
  return { ...certificates.clientFiles() }
}

function holder(
  name: string,
  set: FrpSet,
  daysAgo: number,
  more: Partial<CertificateHolder> = {},
): CertificateHolder {
  const certificate = new X509Certificate(set['client.crt'] ?? '')
  return {
    name,
    port: 23000,
    address: '192.0.2.1',
    lastSeen: new Date(now - daysAgo * day).toISOString(),
    certificate: {
      fingerprint256: certificate.fingerprint256,
      serialNumber: certificate.serialNumber,
      validTo: certificate.validToDate.toISOString(),
      issuerFingerprint:
        splitPem(set['ca.crt'] ?? '').find((each) => isIssuedBy(certificate, each))?.fingerprint256 ?? null,
    },
    ...more,
  }
}

test('between the two steps old and new files both work', async () => {
  using place = new CertsDir(old)

  const begun = await begin(place)

  expect(begun).toMatchObject({ isNew: true, waiting: [] })
  const files = await handedOut(place)
  expect(files['client.crt']).not.toBe(old['client.crt'])
  expect([connects(place, old), connects(place, files)]).toEqual([true, true])
  expect(splitPem(files['ca.crt'] ?? '').map(({ subject }) => subject)).toEqual([
    expect.stringMatching(/^CN=harp\.nc\nOU=CA [0-9a-f]{12}$/),
    'CN=harp.nc',
  ])
  expect(pick(place.read(), 'server.crt', 'server.key')).toEqual(pick(old, 'server.crt', 'server.key'))
  expect(Object.keys(place.read())).toEqual(frpSetNames.toSorted())
})

test('afterwards new files work, old ones do not, and nothing is lost', async () => {
  using place = new CertsDir(old)
  const begun = await begin(place)
  const files = await handedOut(place)

  const finished = await finish(place)

  expect(finished).toMatchObject({ kind: 'finished', waiting: [] })
  expect([connects(place, old), connects(place, files), connects(place, await handedOut(place))]).toEqual([
    false,
    true,
    true,
  ])
  const after = place.read()
  expect(splitPem(after['ca.crt'] ?? '')).toHaveLength(1)
  expect(after['server.key']).not.toBe(old['server.key'])
  const server = new X509Certificate(after['server.crt'] ?? '')
  expect(server).toMatchObject({ subject: 'CN=harp.nc', subjectAltName: 'DNS:harp.nc' })
  const kept = (directory: string | null, name: string): string =>
    readFileSync(join(directory ?? '', name), 'utf8')
  for (const name of ['ca.crt', 'ca.key', 'client.crt', 'client.key']) {
    expect(kept(begun.kept, name)).toBe(old[name])
  }
  for (const name of ['server.crt', 'server.key']) expect(kept(finished.kept, name)).toBe(old[name])
})

test('a renewal can follow a renewal', async () => {
  using place = new CertsDir(old)
  await begin(place)
  await finish(place)
  const second = await handedOut(place)

  await begin(place)

  const third = await handedOut(place)
  expect([connects(place, second), connects(place, third)]).toEqual([true, true])
  await finish(place)
  expect([connects(place, second), connects(place, third)]).toEqual([false, true])
})

test('run again, the first step changes nothing', async () => {
  using place = new CertsDir(old)
  await begin(place)
  const before = [place.read(), place.kept()]

  expect(await begin(place)).toMatchObject({ isNew: false, kept: null })

  expect([place.read(), place.kept()]).toEqual(before)
})

test('it works where the private key of the old CA is not here', async () => {
  using place = new CertsDir(old)
  place.remove('ca.key')

  await begin(place)

  expect([connects(place, old), connects(place, await handedOut(place))]).toEqual([true, true])
})

test.each([1, 2, 3, 4, 5, 6, 7])(
  'the first step, stopped after write %i, leaves a state that works and is completed',
  async (writes) => {
    using place = new CertsDir(old)

    await expect(begin(place, [], new InterruptedDirectory(place.path, writes))).rejects.toThrow(PowerCut)

    const between = await handedOut(place)
    expect([connects(place, old), connects(place, between)]).toEqual([true, true])
    await begin(place)
    const files = await handedOut(place)
    expect(files['client.crt']).not.toBe(old['client.crt'])
    expect([connects(place, old), connects(place, between), connects(place, files)]).toEqual([
      true,
      true,
      true,
    ])
    expect(splitPem(files['ca.crt'] ?? '')).toHaveLength(2)
    expect(Object.keys(place.read())).toEqual(frpSetNames.toSorted())
  },
)

test('the writes above are all there are', async () => {
  using place = new CertsDir(old)

  await begin(place, [], new InterruptedDirectory(place.path, 8))
  await finish(place, [], false, new InterruptedDirectory(place.path, 6))

  expect(place.kept()).toHaveLength(2)
})

test.each([1, 2, 3, 4, 5])(
  'the second step, stopped after write %i, leaves a state that works and is completed',
  async (writes) => {
    using place = new CertsDir(old)
    await begin(place)
    const files = await handedOut(place)

    await expect(finish(place, [], false, new InterruptedDirectory(place.path, writes))).rejects.toThrow(
      PowerCut,
    )

    expect(connects(place, await handedOut(place))).toBe(true)
    expect(connects(place, files)).toBe(true)
    if (writes < 5) await finish(place)
    expect([connects(place, old), connects(place, files)]).toEqual([false, true])
    expect(splitPem(place.read()['ca.crt'] ?? '')).toHaveLength(1)
    expect(Object.keys(place.read())).toEqual(frpSetNames.toSorted())
  },
)

test('two that run at once end up with one renewal', async () => {
  using place = new CertsDir(old)

  await Promise.all([begin(place), begin(place)])

  expect([connects(place, old), connects(place, await handedOut(place))]).toEqual([true, true])
  await finish(place)
  expect(connects(place, await handedOut(place))).toBe(true)
})

test('the second step waits for who was seen lately with old files', async () => {
  using place = new CertsDir(old)
  const before = [holder('gone', old, 31), holder('app', old, 29), holder('engine', old, 1, { port: 24001 })]
  const begun = await begin(place, before)
  expect(begun.waiting.map(({ name }) => name)).toEqual(['gone', 'app', 'engine'])
  const files = await handedOut(place)
  const unchanged = place.read()

  const refused = await finish(place, [
    holder('gone', old, 31),
    holder('app', files, 0),
    holder('engine', old, 1),
  ])

  expect(refused).toMatchObject({ kind: 'refused', waiting: [{ name: 'engine' }] })
  expect(place.read()).toEqual(unchanged)
  const finished = await finish(place, [
    holder('gone', old, 31),
    holder('app', files, 0),
    holder('engine', files, 0),
  ])
  expect(finished).toMatchObject({ kind: 'finished', waiting: [{ name: 'gone' }] })
})

test('a certificate that an operator made under the new CA holds up nothing', async () => {
  using place = new CertsDir(old)
  await begin(place)
  const files = await handedOut(place)
  const own = holder('engine', files, 1)

  const finished = await finish(place, [
    { ...own, certificate: { ...own.certificate, fingerprint256: old['client.crt'] ?? '' } },
  ])

  expect(finished).toMatchObject({ kind: 'finished', waiting: [] })
})

test('who does not say which CA counts by the certificate itself', async () => {
  using place = new CertsDir(old)
  await begin(place)
  const files = await handedOut(place)
  const anonymous = (set: FrpSet): CertificateHolder => {
    const { certificate, ...rest } = holder('engine', set, 1)
    return { ...rest, certificate: { ...certificate, issuerFingerprint: null } }
  }

  expect(await finish(place, [anonymous(old)])).toMatchObject({ kind: 'refused' })
  expect(await finish(place, [anonymous(files)])).toMatchObject({ kind: 'finished' })
})

test('--force cuts off who is left', async () => {
  using place = new CertsDir(old)
  await begin(place)

  expect(await finish(place, [holder('app', old, 0)], true)).toMatchObject({
    kind: 'finished',
    waiting: [{ name: 'app' }],
  })
})

test('nobody holds up the end of a CA that has expired', async () => {
  const expired = await makeFrpSet({ clock: new SetClock(now - 20 * day), validityDays: 10 })
  using place = new CertsDir(expired)
  await begin(place)

  expect(await finish(place, [holder('app', expired, 11)])).toMatchObject({ kind: 'finished' })
})

test('the second step without the first is refused', async () => {
  using place = new CertsDir(old)
  using done = new CertsDir(old)
  await begin(done)
  await finish(done)

  await expect(finish(place)).rejects.toMatchObject({ code: 'FRP_CERT_RENEWAL_REFUSED' })
  await expect(finish(done)).rejects.toMatchObject({ code: 'FRP_CERT_RENEWAL_REFUSED' })
  expect(place.read()).toEqual(old)
})

test('a renewal needs a set that works', async () => {
  using empty = new CertsDir()
  using foreign = new CertsDir({ ...old, ...pick(await makeFrpSet(), 'ca.crt') })

  await expect(begin(empty)).rejects.toMatchObject({
    code: 'FRP_CERT_MISSING',
    message: expect.stringContaining('crt'),
  })
  await expect(begin(foreign)).rejects.toMatchObject({
    code: 'FRP_CERT_MISMATCH',
    message: expect.stringContaining('server.crt'),
  })
})

test('between the steps the server certificate is not renewed under the new CA', async () => {
  using place = new CertsDir(old)
  await begin(place)
  const certificates = place.certificates({ clock: new SetClock(fourYearsAgo + 4_990 * day) })

  await certificates.start()
  certificates.stop()

  expect(place.read()['server.crt']).toBe(old['server.crt'])
})

test('the status tells who has what, before, between and after', async () => {
  using place = new CertsDir(old)
  const holders = [holder('app', old, 3)]
  const status = (all = holders) => readCertificateStatus(place.directory.read(), all, now)
  expect(status()).toMatchObject({
    isRollover: false,
    problems: [],
    certificates: [
      { certificate: 'ca', subject: 'CN=harp.nc', daysLeft: 5000 - 4 * 365 },
      { certificate: 'server', issuer: 'CN=harp.nc' },
      { certificate: 'client', subject: 'CN=harp.client.nc' },
    ],
    holders: [{ name: 'app', state: 'current' }],
  })

  await begin(place, holders)
  const files = await handedOut(place)
  const both = [...holders, holder('other', files, 0)]
  expect(status(both)).toMatchObject({ isRollover: true, holders: [{ state: 'old' }, { state: 'current' }] })
  expect(status().certificates.map(({ certificate }) => certificate)).toEqual([
    'ca',
    'ca',
    'server',
    'client',
  ])

  await finish(place)
  expect(status(both)).toMatchObject({
    isRollover: false,
    holders: [{ state: 'refused' }, { state: 'current' }],
  })
})

test('the status of broken files says each problem once and shows the rest', () => {
  using place = new CertsDir({ ...old, 'client.crt': 'x' })
  place.remove('server.key')

  const status = readCertificateStatus(place.directory.read(), [holder('app', old, 3)], now)

  expect(status.problems.map(({ code }) => code).toSorted()).toEqual([
    'FRP_CERT_MISSING',
    'FRP_CERT_UNUSABLE',
  ])
  expect(status.certificates.map(({ certificate }) => certificate)).toEqual(['ca', 'server'])
  expect(status.holders).toMatchObject([{ state: 'unknown' }])
})

test('the status names what the other side will refuse, though every file can be read', async () => {
  using place = new CertsDir({ ...old, ...pick(await makeFrpSet(), 'client.crt', 'client.key') })
  const problems = (at: number): string[] =>
    readCertificateStatus(place.directory.read(), [], at).problems.map(({ message }) => message)

  expect(problems(now)).toEqual([expect.stringMatching(/client\.crt does not verify under ca\.crt/)])
  expect(problems(now + 5_000 * day)).toContainEqual(expect.stringMatching(/server certificate .* expired/))
})

test('where no gateway has made certificates yet, nothing is wrong with them', () => {
  using place = new CertsDir()

  expect(readCertificateStatus(place.directory.read(), [], now)).toMatchObject({
    certificates: [],
    problems: [],
  })
})
