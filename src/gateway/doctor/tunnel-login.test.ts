import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { Secret } from '../../base/secret.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import { issueAuthority, issueLeaf, makeKey } from '../certificates/issue.ts'
import { verifyPrivilegeKey } from '../frp/auth.ts'
import { FrpChannel } from '../frp/frp-channel.ts'
import type { FrpMessage } from '../frp/messages.ts'
import { tryTunnelLogin, type TunnelClientTls, type TunnelLoginRequest } from './tunnel-login.ts'

const key = new Secret('a-shared-key-for-tunnels')
const servers: net.Server[] = []
const sockets = new Set<Socket>()

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: net.Server): Promise<number> {
  servers.push(server)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

/** Answers a login with this error, as an frp server does; `seen` has all messages. */
function answering(error: string, seen: FrpMessage[] = []): (socket: Socket) => void {
  return (socket) => {
    const channel = new FrpChannel(new StreamWire(socket), {
      side: 'server',
      randomBytes,
      onMessage: (message) => {
        seen.push(message)
        channel.send({ kind: 'LoginResp', version: '', runId: 'abc', error })
        channel.encrypt('')
      },
      onClose: () => {},
    })
  }
}

function tryAt(port: number, change: Partial<TunnelLoginRequest> = {}) {
  return tryTunnelLogin({
    address: { host: '127.0.0.1', port },
    tls: null,
    key,
    clientVersion: 'harp-1.2.3',
    clock: systemClock,
    timeoutMs: 5_000,
    ...change,
  })
}

test('an accepted login opens nothing, and the connection is closed', async () => {
  const seen: FrpMessage[] = []
  const port = await listen(net.createServer(answering('', seen)))

  expect(await tryAt(port)).toEqual({ kind: 'answered', error: '', localAddress: '127.0.0.1' })

  const [login, ...more] = seen
  expect(login).toMatchObject({
    kind: 'Login',
    version: 'harp-1.2.3',
    metas: { token: key.reveal() },
    runId: '',
    poolCount: 0,
  })
  expect(login?.kind === 'Login' && verifyPrivilegeKey('', login.timestamp, login.privilegeKey)).toBe(true)
  expect(more).toEqual([])
  await expect.poll(() => sockets.size).toBe(0)
})

test('a refusal is told in the server’s words', async () => {
  const port = await listen(net.createServer(answering('banned: too many failures')))

  expect(await tryAt(port)).toMatchObject({ kind: 'answered', error: 'banned: too many failures' })
})

test('without a key nothing is sent', async () => {
  const bytes: Buffer[] = []
  const port = await listen(net.createServer((socket) => socket.on('data', (chunk) => bytes.push(chunk))))

  expect(await tryAt(port, { key: null })).toEqual({ kind: 'connected' })
  await expect.poll(() => sockets.size).toBe(0)
  expect(bytes).toEqual([])
})

test.each<[string, (socket: Socket) => void, string]>([
  ['closes', (socket) => socket.end(), 'closed'],
  ['resets', (socket) => socket.once('data', () => socket.resetAndDestroy()), 'closed'],
  ['stays silent', () => {}, 'timeout'],
  ['speaks HTTP', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'closed'],
])('a server that %s is no answer to the login', async (_what, onSocket, kind) => {
  const port = await listen(net.createServer(onSocket))

  expect(await tryAt(port, { timeoutMs: 1_000 })).toMatchObject({
    kind: 'failed',
    stage: 'answer',
    problem: { kind },
  })
})

test('nobody listening is told as such', async () => {
  const server = net.createServer()
  const port = await listen(server)
  await new Promise((resolve) => {
    server.close(resolve)
  })

  expect(await tryAt(port)).toMatchObject({ kind: 'failed', stage: 'connect', problem: { kind: 'refused' } })
})

interface Certificates {
  readonly client: TunnelClientTls
  readonly server: { readonly cert: string; readonly key: string }
  /** Of the same CA, and not for harp.nc. */
  readonly misnamed: { readonly cert: string; readonly key: string }
}

async function makeCertificates(): Promise<Certificates> {
  const validity = { now: Date.now(), days: 2 }
  const [caKey, leafKey] = await Promise.all([makeKey(), makeKey()])
  const ca = await issueAuthority({ key: caKey, isFurther: false, ...validity })
  const issuer = { certificate: new X509Certificate(ca), key: createPrivateKey(caKey) }
  const [server, client] = await Promise.all(
    (['server', 'client'] as const).map((kind) => issueLeaf({ kind, key: leafKey, issuer, ...validity })),
  )
  return {
    client: { ca, cert: client ?? '', key: leafKey },
    server: { cert: server ?? '', key: leafKey },
    misnamed: { cert: client ?? '', key: leafKey },
  }
}

let ours: Certificates
let foreign: Certificates

beforeAll(async () => {
  ours = await makeCertificates()
  foreign = await makeCertificates()
})

function tlsServer(identity: Certificates['server']): Promise<number> {
  const server = tls.createServer(
    { ...identity, ca: ours.client.ca, requestCert: true, rejectUnauthorized: true },
    answering(''),
  )
  return listen(server)
}

test('over mutual TLS the name and the CA are what clients check', async () => {
  const port = await tlsServer(ours.server)

  expect(await tryAt(port, { tls: ours.client })).toMatchObject({ kind: 'answered', error: '' })
})

test('a server of another CA with the same name, or of this one with another name, is refused', async () => {
  expect(await tryAt(await tlsServer(foreign.server), { tls: ours.client })).toMatchObject({
    kind: 'failed',
    stage: 'tls',
    problem: { kind: 'untrusted' },
  })
  expect(await tryAt(await tlsServer(ours.misnamed), { tls: ours.client })).toMatchObject({
    kind: 'failed',
    stage: 'tls',
    problem: { kind: 'wrong-name' },
  })
})

test('a client certificate that the server refuses shows as no answer to the login', async () => {
  const { cert, key: foreignKey } = foreign.client
  const port = await tlsServer(ours.server)

  const result = await tryAt(port, { tls: { ca: ours.client.ca, cert, key: foreignKey } })

  expect(result).toMatchObject({ kind: 'failed', stage: 'answer' })
})

test('a server without TLS is told as such', async () => {
  const port = await listen(net.createServer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))

  expect(await tryAt(port, { tls: ours.client })).toMatchObject({
    kind: 'failed',
    stage: 'tls',
    problem: { kind: 'not-tls' },
  })
})
