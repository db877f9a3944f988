import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import {
  CertsDir,
  frpSetNames,
  makeFrpSet,
  pick,
  SetClock,
  type FrpSet,
  type FrpSetName,
} from '../../../test/support/frp-certificate-set.ts'
import { isIssuedBy } from './frp-files.ts'

// Keys take most of the time here, and any will do as long as they differ.
const pool = vi.hoisted(() => ({ keys: [] as string[], next: 0 }))
vi.mock('./issue.ts', async (original) => ({
  ...(await original<object>()),
  makeKey: () => Promise.resolve(pool.keys[pool.next++ % pool.keys.length]),
}))

let complete: FrpSet
let foreign: FrpSet

beforeAll(async () => {
  pool.keys = Array.from({ length: 9 }, () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  })
  complete = await makeFrpSet()
  foreign = await makeFrpSet()
})

const subsets = Array.from({ length: 64 }, (_, bits) =>
  frpSetNames.filter((_name, index) => (bits & (1 << index)) !== 0),
)

/** What the first start must do with these files, and no others, on the disk. */
function expectation(names: readonly FrpSetName[]): 'complete' | 'no server' | 'no client' {
  const has = (name: FrpSetName): boolean => names.includes(name)
  const hasServer = has('server.crt') && has('server.key')
  const hasClient = has('client.crt') && has('client.key')
  if (has('ca.key')) return 'complete'
  if (!has('ca.crt')) return has('server.crt') || has('client.crt') ? 'no server' : 'complete'
  if (!hasServer) return 'no server'
  return hasClient ? 'complete' : 'no client'
}

const cases = (expected: ReturnType<typeof expectation>): { title: string; names: readonly FrpSetName[] }[] =>
  subsets
    .filter((names) => expectation(names) === expected)
    .map((names) => ({ title: names.join(' ') || 'nothing', names }))

/** A certificate without its key is of no use; every other byte must stay. */
function expectUntouched(place: CertsDir, names: readonly FrpSetName[]): void {
  const useful = names.filter((name) => name !== 'server.crt' || names.includes('server.key'))
  const stays = useful.filter((name) => name !== 'client.crt' || names.includes('client.key'))
  expect(pick(place.read(), ...stays)).toEqual(pick(complete, ...stays))
}

test.each(cases('complete'))('$title on the disk: the rest is made, and fits', async ({ names }) => {
  using place = new CertsDir(pick(complete, ...names))
  const certificates = place.certificates()

  await certificates.start()
  certificates.stop()

  expectUntouched(place, names)
  const files = place.directory.read()
  expect([files.pair('server').authority, files.pair('client').authority]).not.toContain(null)
  expect(certificates.clientFiles()).toEqual(pick(place.read(), 'ca.crt', 'client.crt', 'client.key'))
  expect(place.problems()).toEqual([])
})

test.each(cases('no client'))(
  '$title on the disk: tunnels go on, new apps get no files',
  async ({ names }) => {
    using place = new CertsDir(pick(complete, ...names))
    const certificates = place.certificates()

    await certificates.start()
    certificates.stop()

    expect(place.read()).toEqual(pick(complete, ...names))
    expect(certificates.bundle?.cert).toBe(complete['server.crt'])
    expect(() => certificates.clientFiles()).toThrow(expect.objectContaining({ code: 'FRP_CERT_MISSING' }))
    expect(place.problems()).toMatchObject([
      { code: 'FRP_CERT_MISSING', problem: expect.stringMatching(/client\.(crt|key) is missing/) },
    ])
  },
)

test.each(cases('no server'))(
  '$title on the disk: the start is refused, nothing changes',
  async ({ names }) => {
    using place = new CertsDir(pick(complete, ...names))

    await expect(started(place)).rejects.toMatchObject({
      code: 'FRP_CERT_MISSING',
      message: expect.stringMatching(/(ca\.crt|server\.(crt|key)) is missing/),
      fix: expect.stringMatching(/put/i),
    })
    expect(place.read()).toEqual(pick(complete, ...names))
  },
)

test('these are all the sets there can be', () => {
  const counts = (['complete', 'no client', 'no server'] as const).map((each) => cases(each).length)

  expect(counts.reduce((sum, count) => sum + count)).toBe(64)
  expect(Math.min(...counts)).toBeGreaterThan(2)
})

test('clients in the field go on when ca.crt is made again from ca.key', async () => {
  using place = new CertsDir(complete)
  place.remove('ca.crt')
  await started(place)

  const authority = new X509Certificate(place.read()['ca.crt'] ?? '')
  for (const name of ['server.crt', 'client.crt']) {
    expect(isIssuedBy(new X509Certificate(complete[name] ?? ''), authority)).toBe(true)
  }
})

test('a certificate that lost its key is kept aside', async () => {
  using place = new CertsDir(complete)
  place.remove('server.key')
  await started(place)

  const [kept = ''] = place.kept()
  expect(readFileSync(join(place.frp, kept, 'server.crt'), 'utf8')).toBe(complete['server.crt'])
})

test('a new key of a foreign CA does not replace a lost ca.crt', async () => {
  using place = new CertsDir({
    ...pick(complete, 'server.crt', 'server.key', 'client.crt', 'client.key'),
    ...pick(foreign, 'ca.key'),
  })

  await expect(started(place)).rejects.toMatchObject({
    code: 'FRP_CERT_MISMATCH',
    message: expect.stringMatching(
      /ca\.crt is missing, and .*ca\.key is not the key that signed server\.crt/,
    ),
  })
})

test('nothing is made under a CA that has expired, or whose key does not fit', async () => {
  using late = new CertsDir(pick(complete, 'ca.crt', 'ca.key'))
  using other = new CertsDir({ ...pick(complete, 'ca.crt'), ...pick(foreign, 'ca.key') })
  using broken = new CertsDir({ ...pick(complete, 'ca.crt'), 'ca.key': 'no key' })

  await expect(started(late, new SetClock(Date.UTC(2090, 0, 1)))).rejects.toMatchObject({
    code: 'FRP_CERT_EXPIRED',
  })
  await expect(started(other)).rejects.toMatchObject({
    code: 'FRP_CERT_MISMATCH',
    message: expect.stringContaining('ca.key'),
  })
  await expect(started(broken)).rejects.toMatchObject({
    code: 'FRP_CERT_UNUSABLE',
    message: expect.stringContaining('ca.key'),
  })
})

test('keys are for the owner alone, certificates for everybody, whatever the umask is', async () => {
  const before = process.umask(0o077)
  using place = new CertsDir()
  try {
    await started(place)
  } finally {
    process.umask(before)
  }

  const mode = (name: string): string => (statSync(join(place.frp, name)).mode & 0o777).toString(8)
  expect(Object.fromEntries([...frpSetNames, '.'].map((name) => [name, mode(name)]))).toEqual({
    'ca.crt': '644',
    'ca.key': '600',
    'server.crt': '644',
    'server.key': '600',
    'client.crt': '644',
    'client.key': '600',
    '.': '755',
  })
})

test('what root makes belongs to the owner of the directory, so that a gateway of another user can read it', async () => {
  using place = new CertsDir({})
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(place.frp, 65_534, 65_534)

  await started(place)

  const owners = frpSetNames.map((name) => statSync(join(place.frp, name)).uid)
  expect(new Set(owners)).toEqual(new Set([statSync(place.frp).uid]))
  expect(owners[0]).toBe(isRoot ? 65_534 : process.getuid?.())
})

test('gateways that start at once end up with one set', async () => {
  using place = new CertsDir()
  const all = Array.from({ length: 4 }, () => place.certificates())
  await Promise.all(all.map((each) => each.start()))
  for (const each of all) each.stop()

  const set = pick(place.read(), ...frpSetNames)
  expect(place.read()).toEqual(set)
  for (const each of all) {
    each.reload()
    expect(each.bundle).toMatchObject({
      cert: set['server.crt'],
      key: set['server.key'],
      ca: [set['ca.crt']],
    })
    expect(each.clientFiles()).toEqual(pick(set, 'ca.crt', 'client.crt', 'client.key'))
  }
  expect(place.directory.read().pair('client').authority).not.toBeNull()
})

test('what an interrupted write has left goes at a later start', async () => {
  using place = new CertsDir({ ...complete, '.ca.key.0011223344556677.tmp': 'half a key' })
  await started(place)
  expect(readdirSync(place.frp)).toContain('.ca.key.0011223344556677.tmp')

  await started(place, new SetClock(Date.now() + 3_600_000))

  expect(readdirSync(place.frp).toSorted()).toEqual(frpSetNames.toSorted())
})

test('without TLS nothing is made and nothing is handed out', async () => {
  using place = new CertsDir()
  const certificates = place.certificates({ tls: false })

  await certificates.start()
  certificates.reload()
  certificates.stop()

  expect(existsSync(place.frp)).toBe(false)
  expect([certificates.bundle, certificates.clientFiles(), certificates.expiries()]).toEqual([null, null, []])
  expect(place.bundles).toEqual([])
})

test('a place where nothing can be written is named', async () => {
  using place = new CertsDir()
  place.write({})
  const certificates = place.certificates({ certsDir: '/proc/nowhere' })

  await expect(certificates.start()).rejects.toMatchObject({
    code: 'FRP_CERT_UNWRITABLE',
    message: expect.stringContaining('/proc/nowhere/frp'),
  })
})

async function started(place: CertsDir, clock = new SetClock()): Promise<void> {
  const certificates = place.certificates({ clock })
  await certificates.start()
  certificates.stop()
}
