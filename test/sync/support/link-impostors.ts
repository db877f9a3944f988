/** Who comes to a hub and keeps no rule: TLS ends with other keys, versions and protocols, and links of raw frames. */
import { once } from 'node:events'
import {
  createServer as createTcpServer,
  connect as connectTcp,
  type AddressInfo,
  type Socket,
} from 'node:net'
import { connect, createServer, type ConnectionOptions, type TLSSocket, type TlsOptions } from 'node:tls'
import { systemClock } from '../../../src/base/clock.ts'
import { parseHostPort } from '../../../src/net/address.ts'
import { StreamWire } from '../../../src/net/stream-wire.ts'
import { YamuxSession } from '../../../src/mux/yamux/session.ts'
import { makeThrowAwayTls } from '../../../src/gateway/certificates/issue.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import { deviceCertificate } from '../../../src/sync/link/device-certificate.ts'
import { encodeControl } from '../../../src/sync/link/hello.ts'
import { encodeFrame } from '../../../src/sync/link/frames.ts'
import { linkTimes } from '../../../src/sync/link/link-limits.ts'
import { dialSecure, tlsContext, type SecureConnection } from '../../../src/sync/link/secure-connection.ts'
import { deadlineIn, within } from '../../support/deadline.ts'
import { makeSelfSigned } from '../../support/self-signed.ts'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

let rsa: Promise<Certificate> | undefined

export const certificates = {
  device: (keys: DeviceKeys): Certificate => deviceCertificate(keys),
  elliptic: (): Certificate => makeSelfSigned(),
  /** The same one each time: such keys take long to make. */
  rsa: (): Promise<Certificate> => (rsa ??= makeThrowAwayTls(Date.now())),
}

/** Comes as somebody else; resolves when the hub has hung up. */
export async function knock(
  address: string,
  certificate: Certificate | undefined,
  options: ConnectionOptions = {},
): Promise<void> {
  const { host, port } = parseHostPort(address)!
  const socket = connect({
    host,
    port,
    rejectUnauthorized: false,
    ALPNProtocols: ['harp-sync/1'],
    ...certificate,
    ...options,
  })
  await hungUp(socket)
}

/** Resolves when the other end has closed, however. */
export async function hungUp(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  socket.on('error', () => {}).once('close', () => resolve(undefined))
  socket.resume()
  if (!socket.closed) await within(promise, deadlineIn(5_000, 'the other end to hang up'))
}

/** What the hub answers to bytes that are no TLS: nothing, and it hangs up. */
export async function sendRaw(address: string, bytes: Uint8Array): Promise<Socket> {
  const { host, port } = parseHostPort(address)!
  const socket = connectTcp({ host, port })
  socket.on('error', () => {})
  await within(once(socket, 'connect'), deadlineIn(5_000, 'a connection'))
  socket.write(bytes)
  return socket
}

export interface Impostor {
  readonly address: string
  close(): Promise<void>
}

/** A server where a device was expected. */
export async function impostor(options: TlsOptions | undefined): Promise<Impostor> {
  const sockets = new Set<Socket>()
  const server = options === undefined ? createTcpServer() : createServer(options)
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  server.on('secureConnection', (socket: TLSSocket) => socket.on('error', () => {}))
  server.on('tlsClientError', () => {})
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

export async function dialAs(
  keys: DeviceKeys,
  address: string,
  expected: DeviceId,
  protocol: 'sync' | 'join' = 'sync',
): Promise<SecureConnection> {
  const found = await dialSecure(address, {
    suite: nodeSuite,
    context: tlsContext(deviceCertificate(keys)),
    protocol,
    expected,
    signal: AbortSignal.timeout(5_000),
    times: linkTimes,
  })
  if ('state' in found) throw new Error(found.message)
  found.socket.on('error', () => {})
  return found
}

/** A session on which anything may be said. */
export async function rawSession(
  keys: DeviceKeys,
  address: string,
  expected: DeviceId,
): Promise<YamuxSession> {
  const { socket } = await dialAs(keys, address, expected)
  return new YamuxSession(new StreamWire(socket), {
    role: 'client',
    clock: systemClock,
    chunksAreStable: true,
    onStream: (stream) => stream.setHandler({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} }),
    onClose: () => {},
  })
}

export function helloFrame(instance = 'ab'.repeat(16)): Buffer {
  return encodeFrame(encodeControl({ type: 'hello', instance, name: 'raw', listens: [], features: [] }))
}
