import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import { freePorts } from '../support/free-ports.ts'
import { GatewayProcess, prepareGatewayPlace, runGateway } from '../support/gateway-process.ts'
import { RawConnection } from '../support/raw-http.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { makeSelfSigned, type SelfSigned } from '../support/self-signed.ts'
import { mebibyte, openSockets, requestHead, responseOf, run, Stage, untilSockets } from './stage.ts'

let stage: Stage
let certificate: SelfSigned
let socketsAtStart = 0

beforeAll(async () => {
  stage = await Stage.open({ HP_TIMEOUT_TUNNEL: '4s' })
  certificate = makeSelfSigned()
  await install(stage, certificate.pem)
  await untilOpen(stage)
  socketsAtStart = await openSockets(stage.pid)
})

afterAll(async () => {
  await untilSockets(stage.pid, socketsAtStart + 2)
  expect(await stage.close()).toMatchObject({ code: 0 })
})

const portOf = (on: Stage): number => on.gateway.place.ports.https

/** As an operator's tool does it: the file is never there in part. */
async function install(on: Stage, pem: string): Promise<void> {
  const path = join(on.gateway.place.certsDir, 'cert.pem')
  await writeFile(`${path}.new`, pem)
  await rename(`${path}.new`, path)
}

async function untilOpen(on: Stage): Promise<void> {
  await eventually(
    'the TLS port',
    async () => {
      const socket = await handshake(on, {}).catch(() => undefined)
      socket?.destroy()
      return socket === undefined ? undefined : true
    },
    { timeoutMs: 10_000, everyMs: 100 },
  )
}

async function handshake(on: Stage, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port: portOf(on), rejectUnauthorized: false, ...options })
  const ready = new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject)
  })
  try {
    await within(ready, deadlineIn(5_000, 'a TLS handshake'))
  } catch (error) {
    socket.destroy()
    throw error
  }
  socket.on('error', () => undefined)
  return socket
}

function open(on: Stage = stage): Promise<RawConnection> {
  return RawConnection.open({
    host: '127.0.0.1',
    port: portOf(on),
    tls: { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] },
  })
}

async function shownTo(on: Stage): Promise<string> {
  const socket = await handshake(on, {})
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

function fingerprint(of: SelfSigned): string {
  return new X509Certificate(of.cert).fingerprint256
}

test('the certificate is checked as any other: a client that trusts it gets an answer', async () => {
  const { path } = await stage.exapp()
  await using connection = await RawConnection.open({
    host: '127.0.0.1',
    port: portOf(stage),
    tls: { ca: certificate.cert, servername: 'localhost' },
  })
  await connection.sendRequest({ target: `${path}/x` })

  expect(responseOf(await connection.readOutcome()).status).toBe(200)
})

test.each([
  [['h2', 'http/1.1'], 'h2'],
  [['http/1.1'], 'http/1.1'],
  [['http/1.1', 'h2'], 'h2'],
])('of %s the gateway picks %s', async (offered, chosen) => {
  const socket = await handshake(stage, { ALPNProtocols: offered })

  expect(socket.alpnProtocol).toBe(chosen)
  socket.destroy()
})

test('a client without ALPN is served HTTP/1.1', async () => {
  const { path } = await stage.exapp()
  await using connection = await RawConnection.open({
    host: '127.0.0.1',
    port: portOf(stage),
    tls: { rejectUnauthorized: false },
  })
  await connection.sendRequest({ target: `${path}/x` })

  expect(responseOf(await connection.readOutcome()).status).toBe(200)
})

test.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
  const options: ConnectionOptions = {
    minVersion: version,
    maxVersion: version,
    ciphers: 'DEFAULT:@SECLEVEL=0',
  }

  await expect(handshake(stage, options)).rejects.toThrow(/alert|protocol|version/i)
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is accepted', async (version) => {
  const socket = await handshake(stage, { minVersion: version, maxVersion: version })

  expect(socket.getProtocol()).toBe(version)
  socket.destroy()
})

test('16 MiB down and up over TLS are whole, also with a client that reads late', async () => {
  const { app, path } = await stage.exapp()
  await using connection = await open()
  await connection.sendRequest({ target: `${path}/x?do=bytes&size=${16 * mebibyte}` })
  const request = await app.waitForRequest(() => true)
  await eventually('the app to send', () => (request.sentBytes > 0 ? true : undefined))
  const down = responseOf(await connection.readOutcome())
  await connection.sendRequest({ method: 'PUT', target: `${path}/x`, body: Buffer.alloc(16 * mebibyte, 'u') })
  const up = responseOf(await connection.readOutcome())

  expect(down.body.length).toBe(16 * mebibyte)
  expect(JSON.parse(up.body.toString())).toMatchObject({ bodyBytes: 16 * mebibyte })
})

test('HTTP/2 over TLS answers many streams and carries large bodies', async () => {
  const { path } = await stage.exapp()
  const session = connectHttp2(`https://127.0.0.1:${portOf(stage)}`, { rejectUnauthorized: false })
  const get = async (target: string): Promise<number> => {
    const stream = session.request({ ':path': `${path}${target}` })
    let bytes = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length
    return bytes
  }

  const sizes = await within(
    Promise.all(Array.from({ length: 20 }, (_each, at) => get(`/x?do=bytes&size=${(at + 1) * 100_000}`))),
    deadlineIn(20_000, 'twenty answers'),
  )

  expect(sizes).toEqual(sizes.map((_each, at) => (at + 1) * 100_000))
  const closed = once(session, 'close')
  session.close()
  await closed
})

test('an HTTP/2 client over TLS that vanishes leaves nothing behind', async () => {
  const { app, path } = await stage.exapp()
  const session = connectHttp2(`https://127.0.0.1:${portOf(stage)}`, { rejectUnauthorized: false })
  session.on('error', () => undefined)
  session.request({ ':path': `${path}/x?do=silent` }).on('error', () => undefined)
  await app.waitForRequest(() => true)

  session.destroy()

  await eventually('the app to lose its connection', () => (app.openConnections === 0 ? true : undefined))
  expect(app.requests()).toHaveLength(1)
})

test('a WebSocket over TLS echoes 4 MiB', async () => {
  const { path } = await stage.exapp()
  const client = new WebSocket(`wss://127.0.0.1:${portOf(stage)}${path}/ws`, { rejectUnauthorized: false })
  await within(once(client, 'open'), deadlineIn(5_000, 'the WebSocket'))
  const sent = Buffer.alloc(4 * mebibyte, 'w')
  const message = once(client, 'message') as Promise<[Buffer]>

  client.send(sent)

  expect((await within(message, deadlineIn(10_000, 'the echo')))[0].equals(sent)).toBe(true)
  const closed = once(client, 'close')
  client.close(1000)
  expect((await within(closed, deadlineIn(5_000, 'the close')))[0]).toBe(1000)
})

test('a tunnel over TLS keeps half-close: the goodbye of the app follows the end of the client', async () => {
  const { path } = await stage.exapp()
  const socket = await handshake(stage, {
    allowHalfOpen: true,
    ALPNProtocols: ['http/1.1'],
  } as ConnectionOptions)
  socket.write(`GET ${path}/t HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\n`)
  await requestHead(socket)
  let received = 0
  let tail = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    tail = (tail + chunk.toString('latin1').slice(-3)).slice(-3)
  })
  const ended = once(socket, 'end')
  socket.resume()

  socket.write(Buffer.alloc(4 * mebibyte, 'h'))
  socket.end()
  await within(ended, deadlineIn(10_000, 'the end of the tunnel'))

  expect({ received, tail }).toEqual({ received: 4 * mebibyte + 3, tail: 'bye' })
})

test('a dropped request over TLS closes the connection without a byte', async () => {
  const { path } = await stage.exapp()
  await using connection = await open()
  await connection.sendRequest({ target: `${path}/../x` })

  expect(await connection.readOutcome()).toEqual({ kind: 'drop' })
})

test('bytes that are no TLS, and handshakes that never end, harm nobody', async () => {
  const { path } = await stage.exapp()
  const silent = connectTcp(portOf(stage), '127.0.0.1').on('error', () => undefined)
  const garbage = connectTcp(portOf(stage), '127.0.0.1')
  garbage.on('error', () => undefined)
  const closed = once(garbage, 'close')
  garbage.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  garbage.resume()
  await within(closed, deadlineIn(5_000, 'the garbage to be cut'))

  await using connection = await open()
  await connection.sendRequest({ target: `${path}/x` })
  expect(responseOf(await connection.readOutcome()).status).toBe(200)
  silent.destroy()
})

test('the port opens when the certificate appears; later ones reach new connections only', async () => {
  await using own = await Stage.open()
  const { path } = await own.exapp()
  const [first, second] = [makeSelfSigned(), makeSelfSigned()]
  await expect(handshake(own, {})).rejects.toThrow('ECONNREFUSED')
  await install(own, first.pem)
  await untilOpen(own)
  await using kept = await open(own)
  expect(await shownTo(own)).toBe(fingerprint(first))

  await install(own, second.pem)
  await eventually('the new certificate', async () =>
    (await shownTo(own)) === fingerprint(second) ? true : undefined,
  )

  await kept.sendRequest({ target: `${path}/x` })
  expect(responseOf(await kept.readOutcome()).status).toBe(200)
})

test('SIGHUP reads the certificate at once; what cannot be used leaves the last good one', async () => {
  await using own = await Stage.open()
  const { path } = await own.exapp()
  const [first, second, third] = [makeSelfSigned(), makeSelfSigned(), makeSelfSigned()]
  await install(own, first.pem)
  own.gateway.program.signal('SIGHUP')
  await untilOpen(own)
  await using kept = await open(own)
  for (const broken of ['', 'no certificate', first.cert, second.cert + third.key]) {
    await install(own, broken)
    own.gateway.program.signal('SIGHUP')
    await eventually('the complaint', () => {
      const complaints = own.gateway.output.match(/CERT_UNREADABLE/g) ?? []
      return complaints.length > 0 ? true : undefined
    })
    expect(await shownTo(own)).toBe(fingerprint(first))
  }

  await install(own, second.pem)
  own.gateway.program.signal('SIGHUP')
  await eventually('the new certificate', async () =>
    (await shownTo(own)) === fingerprint(second) ? true : undefined,
  )

  await kept.sendRequest({ target: `${path}/x` })
  expect(responseOf(await kept.readOutcome()).status).toBe(200)
  expect(own.gateway.output).not.toContain('PRIVATE KEY')
})

test('ALPN, versions and tickets stay as they were after a new certificate', async () => {
  await using own = await Stage.open()
  const [first, second] = [makeSelfSigned(), makeSelfSigned()]
  await install(own, first.pem)
  own.gateway.program.signal('SIGHUP')
  await untilOpen(own)
  await install(own, second.pem)
  own.gateway.program.signal('SIGHUP')
  await eventually('the new certificate', async () =>
    (await shownTo(own)) === fingerprint(second) ? true : undefined,
  )

  const socket = await handshake(own, { ALPNProtocols: ['h2'] })
  expect(socket.alpnProtocol).toBe('h2')
  socket.destroy()
  const old: ConnectionOptions = {
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT:@SECLEVEL=0',
  }
  await expect(handshake(own, old)).rejects.toThrow(/alert|protocol|version/i)
})

test('handshakes under way count as connections, and a shutdown does not wait for them', async () => {
  await using own = await Stage.open({ HARP_MAX_CONNECTIONS: '4' })
  await install(own, makeSelfSigned().pem)
  own.gateway.program.signal('SIGHUP')
  await untilOpen(own)
  await untilSockets(own.pid, (await openSockets(own.pid)) - 0)
  const silent = Array.from({ length: 8 }, () => connectTcp(portOf(own), '127.0.0.1'))
  const refused = silent.map(async (socket) => {
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'close')
    return true
  })

  expect(await within(Promise.any(refused), deadlineIn(3_000, 'a refusal'))).toBe(true)
  const startedAt = performance.now()
  own.gateway.program.signal('SIGTERM')
  const exit = await own.gateway.program.waitForExit()

  expect(exit.code).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  for (const socket of silent) socket.destroy()
})

test('a TLS port that is taken stops the start with one line', async () => {
  const nextcloud = 'http://127.0.0.1:9'
  const [port = 0] = await freePorts(1)
  const place = await prepareGatewayPlace(nextcloud, {
    environment: { HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${port}` },
  })
  await writeFile(join(place.certsDir, 'cert.pem'), certificate.pem)
  const first = await GatewayProcess.startIn(place)
  try {
    // NOTE: its plain port may answer for a moment before the TLS port is found taken, so the exit is awaited.
    const other = await runGateway(nextcloud, {
      environment: { HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${port}`, HARP_CERTS_DIR: place.certsDir },
    })

    expect(other.code).toBe(1)
    expect(other.stdout + other.stderr).toMatch(
      new RegExp(`ERROR: [^\n]*${port}[^\n]*HP_EXAPPS_HTTPS_ADDRESS`),
    )
  } finally {
    await first.stop()
  }
})

realPart('curl', () => isCommandInstalled('curl'))('curl over TLS gets HTTP/2 and HTTP/1.1', async () => {
  const { path } = await stage.exapp()
  const url = `https://127.0.0.1:${portOf(stage)}${path}/x?do=bytes&size=2000000`
  const curl = (...args: string[]): Promise<string> =>
    run('curl', [
      '-sSk',
      '-o',
      '/dev/null',
      '-w',
      '%{http_version} %{http_code} %{size_download}',
      ...args,
      url,
    ])

  expect(await curl('--http2')).toBe('2 200 2000000')
  expect(await curl('--http1.1')).toBe('1.1 200 2000000')
  expect(await curl('--tlsv1.3', '--http2')).toBe('2 200 2000000')
})
