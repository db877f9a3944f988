/** Tunnel certificates judged by others: OpenSSL's own tools, and real handshakes. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls, { type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heldCertificate } from '../../src/gateway/certificates/holders.ts'
import type { FrpBundle, FrpClientFiles } from '../../src/gateway/certificates/frp-certificates.ts'
import { beginRollover, finishRollover } from '../../src/gateway/certificates/rollover.ts'
import { makeThrowAwayTls } from '../../src/gateway/certificates/issue.ts'
import { deadlineIn, within } from '../support/deadline.ts'
import { CertsDir, makeFrpSet, pick, type FrpSet } from '../support/frp-certificate-set.ts'
import { HarpProcess, type ProgramExit } from '../support/gateway-process.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'

const openssl = realPart('openssl', () => isCommandInstalled('openssl'))
let set: FrpSet
let foreign: FrpSet

beforeAll(async () => {
  ;[set, foreign] = await Promise.all([makeFrpSet(), makeFrpSet()])
})

const closers: (() => void)[] = []
afterAll(() => {
  for (const close of closers) close()
})

const run = (place: CertsDir, command: string): string =>
  execFileSync('openssl', command.split(' '), {
    cwd: place.frp,
    encoding: 'utf8',
    timeout: 20_000,
    stdio: 'pipe',
  })

/** The client's certificate does not identify its issuer's key, as of older versions: the hard case during a roll-over. */
function makeWithOpenssl(place: CertsDir): void {
  const identified = 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
  const anonymous = 'subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n'
  place.write({
    'server.cnf': `subjectAltName=DNS:harp.nc\n${identified}`,
    'client.cnf': `subjectAltName=DNS:harp.client.nc\n${anonymous}`,
  })
  run(
    place,
    'req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=harp.nc -sha256 -days 5000',
  )
  for (const [part, name] of Object.entries({ server: 'harp.nc', client: 'harp.client.nc' })) {
    run(place, `req -newkey rsa:2048 -nodes -keyout ${part}.key -out ${part}.csr -subj /CN=${name}`)
    const by = '-CA ca.crt -CAkey ca.key -CAcreateserial'
    run(place, `x509 -req -in ${part}.csr ${by} -out ${part}.crt -days 100 -sha256 -extfile ${part}.cnf`)
  }
}

openssl('OpenSSL verifies what was made, also by its strict rules', () => {
  using place = new CertsDir(set)

  expect(run(place, 'verify -x509_strict -CAfile ca.crt server.crt client.crt')).toBe(
    'server.crt: OK\nclient.crt: OK\n',
  )
  expect(run(place, 'verify -verify_hostname harp.nc -CAfile ca.crt server.crt')).toContain('OK')
  for (const name of ['ca.key', 'server.key', 'client.key']) {
    expect(run(place, `rsa -check -noout -in ${name}`)).toContain('RSA key ok')
  }
  const text = ['ca.crt', 'server.crt', 'client.crt'].map((name) =>
    run(place, `x509 -noout -text -in ${name}`),
  )
  expect(text[0]).toMatch(/CA:TRUE[\s\S]*Certificate Sign\n/)
  expect(text[1]).toMatch(/Subject: CN ?= ?harp\.nc\n[\s\S]*DNS:harp\.nc\n/)
  expect(text[2]).toMatch(/Subject: CN ?= ?harp\.client\.nc\n[\s\S]*DNS:harp\.client\.nc\n/)
  for (const each of text) {
    expect(each).toContain('sha256WithRSAEncryption')
    expect(each).toContain('(2048 bit)')
    expect(each).not.toContain('Extended Key Usage')
  }
})

openssl('a set that OpenSSL made is used unchanged; what is missing is made under its CA', async () => {
  using place = new CertsDir()
  makeWithOpenssl(place)
  const before = place.read()
  const certificates = place.certificates()
  await certificates.start()
  certificates.stop()
  expect(place.read()).toEqual(before)
  expect(place.problems()).toEqual([])

  place.remove('client.crt', 'client.key')
  const again = place.certificates()
  await again.start()
  again.stop()

  expect(run(place, 'verify -CAfile ca.crt client.crt')).toContain('OK')
  // Go compares the names byte by byte.
  const name = (file: string, which: string): string =>
    run(place, `x509 -in ${file} -noout ${which} -nameopt show_type,dump_all,dump_der`)
  expect(name('client.crt', '-issuer').replace('issuer', '')).toBe(
    name('ca.crt', '-subject').replace('subject', ''),
  )
})

openssl('OpenSSL finds the right CA during a roll-over, for old and new certificates', async () => {
  using place = new CertsDir()
  makeWithOpenssl(place)
  writeFileSync(join(place.frp, 'old-client.crt'), place.read()['client.crt'] ?? '')
  await beginRollover({ directory: place.directory, now: Date.now(), validityDays: 5000, holders: [] })

  expect(run(place, 'verify -CAfile ca.crt old-client.crt client.crt server.crt').match(/OK/g)).toHaveLength(
    3,
  )
})

test('both sides accept each other with the files as they are made', async () => {
  using place = new CertsDir(set)
  const { bundle, files } = await load(place)

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { greeting, held } = await connect(bundle, files, maxVersion)
    expect(greeting).toBe('hello')
    expect(held).toMatchObject({ issuerFingerprint: expect.stringMatching(/^[0-9A-F:]{95}$/) })
  }
})

test.each([
  ['of a foreign CA', () => [foreign['client.crt'], foreign['client.key']]],
  [
    'of a foreign CA with the same name, and for the server',
    () => [foreign['server.crt'], foreign['server.key']],
  ],
  ['missing', () => []],
] as const)('a client certificate that is %s is refused without a byte', async (_what, pair) => {
  using place = new CertsDir(set)
  const { bundle } = await load(place)
  const server = await listen(bundle)
  let served = 0
  server.on('secureConnection', () => served++)
  const [cert = '', key = ''] = pair()
  const files = { 'ca.crt': set['ca.crt'] ?? '', 'client.crt': cert, 'client.key': key }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    await expect(greet(server, files, version)).rejects.toThrow(/alert|reset|closed|disconnected/i)
  }
  expect(served).toBe(0)
})

test('a client does not accept the server of a foreign CA', async () => {
  using place = new CertsDir(foreign)
  const { bundle } = await load(place)

  await expect(
    connect(bundle, pick(set, 'ca.crt', 'client.crt', 'client.key') as unknown as FrpClientFiles, 'TLSv1.3'),
  ).rejects.toThrow(/certificate|signature/i)
})

test('during a roll-over both generations connect; at its end the server swaps without a restart', async () => {
  using place = new CertsDir(set)
  const certificates = place.certificates()
  await certificates.start()
  const first = certificates.clientFiles()
  const server = await listen(certificates.bundle)
  const reload = (): void => {
    certificates.reload()
    if (certificates.bundle !== null) server.setSecureContext(contextOf(certificates.bundle))
  }
  const options = { directory: place.directory, now: Date.now(), validityDays: 5000, holders: [] }

  await beginRollover(options)
  reload()
  const second = certificates.clientFiles()
  expect([await greet(server, first), await greet(server, second)]).toEqual(['hello', 'hello'])

  await finishRollover({ ...options, force: false })
  reload()
  certificates.stop()
  expect(await greet(server, second)).toBe('hello')
  expect(await greet(server, certificates.clientFiles())).toBe('hello')
  await expect(greet(server, first)).rejects.toThrow(/certificate|signature/i)
})

openssl('during a roll-over of a set by OpenSSL both generations connect', async () => {
  using place = new CertsDir()
  makeWithOpenssl(place)
  const before = await load(place)
  await beginRollover({ directory: place.directory, now: Date.now(), validityDays: 5000, holders: [] })
  const after = await load(place)

  for (const files of [before.files, after.files]) {
    expect((await connect(after.bundle, files, 'TLSv1.3')).greeting).toBe('hello')
  }
})

openssl("OpenSSL's client connects with the files, and checks the server", async () => {
  using place = new CertsDir(set)
  const { bundle } = await load(place)
  const server = await listen(bundle)
  const { port } = server.address() as AddressInfo

  const { spawn } = await import('node:child_process')
  const args = [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-servername',
    'harp.nc',
    '-verify_hostname',
    'harp.nc',
    '-verify_return_error',
    '-CAfile',
    'ca.crt',
    '-cert',
    'client.crt',
    '-key',
    'client.key',
    '-quiet',
  ]
  const child = spawn('openssl', args, { cwd: place.frp })
  closers.push(() => child.kill())
  const [data] = (await within(once(child.stdout, 'data'), deadlineIn(10_000, 'the greeting'))) as [Buffer]

  expect(data.toString()).toBe('hello')
})

test('a server without certificates of its own still speaks TLS', async () => {
  const { cert, key } = await makeThrowAwayTls(Date.now())
  const server = await listen(null, { cert, key })

  expect(await greet(server, null)).toBe('hello')
})

interface Loaded {
  readonly bundle: FrpBundle
  readonly files: FrpClientFiles
}

async function load(place: CertsDir): Promise<Loaded> {
  const certificates = place.certificates()
  await certificates.start()
  certificates.stop()
  const [bundle, files] = [certificates.bundle, certificates.clientFiles()]
  if (bundle === null || files === null) throw new Error('no certificates')
  return { bundle, files }
}

function contextOf({ cert, key, ca }: FrpBundle): tls.SecureContextOptions {
  return { cert, key, ca: [...ca] }
}

async function listen(bundle: FrpBundle | null, plain?: tls.SecureContextOptions): Promise<tls.Server> {
  const options: tls.TlsOptions =
    bundle === null ? { ...plain } : { ...contextOf(bundle), requestCert: true, rejectUnauthorized: true }
  const server = tls.createServer(options, (socket) => {
    socket.on('error', () => undefined)
    socket.write('hello')
  })
  server.on('tlsClientError', () => undefined)
  closers.push(() => server.close())
  server.listen(0, '127.0.0.1')
  await within(once(server, 'listening'), deadlineIn(5_000, 'the server'))
  return server
}

/** As frpc connects: by address, with the name harp.nc. null: without any certificates and without checking. */
async function greet(
  server: tls.Server,
  files: FrpClientFiles | null,
  maxVersion: tls.SecureVersion = 'TLSv1.3',
): Promise<string> {
  const { port } = server.address() as AddressInfo
  const own = files?.['client.crt'] ? { cert: files['client.crt'], key: files['client.key'] } : {}
  const trust = files === null ? { rejectUnauthorized: false } : { ca: files['ca.crt'] }
  const socket: TLSSocket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: 'harp.nc',
    maxVersion,
    ...own,
    ...trust,
  })
  try {
    const closed = once(socket, 'close').then(() => {
      throw new Error('closed without a byte')
    })
    const data = once(socket, 'data') as Promise<[Buffer]>
    closed.catch(() => undefined)
    data.catch(() => undefined)
    const [greeting] = await within(Promise.race([data, closed]), deadlineIn(5_000, 'the greeting'))
    return greeting.toString()
  } finally {
    socket.destroy()
  }
}

async function connect(bundle: FrpBundle, files: FrpClientFiles, maxVersion: tls.SecureVersion) {
  const server = await listen(bundle)
  let held: ReturnType<typeof heldCertificate> | undefined
  server.on('secureConnection', (socket) => {
    const certificate = socket.getPeerX509Certificate()
    if (certificate !== undefined) held = heldCertificate(certificate, bundle.ca)
  })
  return { greeting: await greet(server, files, maxVersion), held }
}

async function certs(place: CertsDir, ...args: string[]): Promise<ProgramExit> {
  const environment = { HARP_CERTS_DIR: place.path, HARP_STATE_DIR: place.path, HOME: place.path }
  const program = new HarpProcess(['certs', ...args], environment)
  try {
    return await program.waitForExit(20_000)
  } finally {
    await program.stop(1_000)
  }
}

test('a renewal is not finished where it is not known who has connected', async () => {
  using place = new CertsDir(set)
  await beginRollover({ directory: place.directory, now: Date.now(), validityDays: 5000, holders: [] })
  const before = place.read()

  const refused = await certs(place, 'renew', '--finish')

  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/certificate-holders\.json names nobody.*Fix: .*HARP_STATE_DIR.*--force/)
  expect(place.read()).toEqual(before)
  expect((await certs(place, 'renew', '--finish', '--force')).code).toBe(0)
})

test('a damaged list of holders is named, and hides no certificate', async () => {
  using place = new CertsDir(set)
  writeFileSync(join(place.path, 'certificate-holders.json'), 'x')

  const status = await certs(place, 'status')

  expect(status.code).toBe(1)
  expect(status.stdout).toMatch(/^server +CN=harp\.nc /m)
  expect(status.stderr).toMatch(/certificate-holders\.json is damaged.*HOLDERS_UNUSABLE/)
})

test('`harp certs` shows, renews and finishes', async () => {
  using place = new CertsDir(set)
  const harp = (...args: string[]): Promise<ProgramExit> => certs(place, ...args)
  const certificate = {
    fingerprint256: 'AB:'.repeat(31) + 'AB',
    serialNumber: '01',
    validTo: '2040-01-01T00:00:00.000Z',
    issuerFingerprint: null,
  }
  const holders = [
    { name: 'app_one', port: 23000, address: '192.0.2.1', lastSeen: new Date().toISOString(), certificate },
    { name: 'gpu', port: 24001, address: '192.0.2.2', lastSeen: '2026-01-01T00:00:00.000Z', certificate },
  ]
  writeFileSync(
    join(place.path, 'certificate-holders.json'),
    JSON.stringify({ format: 'harp-certificate-holders', version: 1, holders }),
  )

  const status = await harp('status')
  expect(status.code).toBe(0)
  expect(status.stdout).toMatch(
    /^ca +CN=harp\.nc .*\n^server +CN=harp\.nc .*\n^client +CN=harp\.client\.nc /m,
  )
  expect(status.stdout).toMatch(/^app_one +app +23000 .* old$/m)

  const renewed = await harp('renew')
  expect(renewed.code).toBe(0)
  expect(renewed.stdout).toMatch(
    /app_one[\s\S]*gpu[\s\S]*Apps: [\s\S]*Engines: copy [\s\S]*harp certs renew --finish/,
  )
  const json = JSON.parse((await harp('status', '--json')).stdout) as {
    isRollover: boolean
    certificates: unknown[]
  }
  expect(json).toMatchObject({ tls: true, isRollover: true, directory: place.frp, problems: [] })
  expect(json.certificates).toHaveLength(4)

  const refused = await harp('renew', '--finish')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('nothing was changed')
  expect(refused.stdout).toContain('app_one')
  expect(refused.stdout).not.toContain('gpu')

  const forced = await harp('renew', '--finish', '--force')
  expect(forced.code).toBe(0)
  expect(readFileSync(join(place.frp, 'ca.crt'), 'utf8').match(/BEGIN/g)).toHaveLength(1)
  expect((await harp('renew', '--finish')).stderr).toMatch(
    /ERROR: .*no renewal is under way.*Fix: .*FRP_CERT_RENEWAL_REFUSED/,
  )

  for (const each of [status, renewed, refused, forced]) {
    expect(each.stdout + each.stderr).not.toContain('PRIVATE')
  }
})
