import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions, TLSSocket } from 'node:tls'
import { constants } from 'node:crypto'
import { formatHostPort, parseHostPort } from '../../net/address.ts'
import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceId } from '../ids.ts'
import { deviceIdOfCertificate } from './device-certificate.ts'
import type { DeviceCertificate } from './device-certificate.ts'
import type { LinkTimes } from './link-limits.ts'

/** What a connection is for is decided in its handshake: many streams between members, or one request to become one. */
export const protocols = { sync: 'harp-sync/1', join: 'harp-join/1' } as const
export type ProtocolName = keyof typeof protocols

/** A TLS connection whose other end has shown that it holds the key of `peer`. */
export interface SecureConnection {
  readonly socket: TLSSocket
  readonly protocol: ProtocolName
  readonly peer: DeviceId
  /** `host:port` of the other end. */
  readonly address: string
  readonly isDialled: boolean
  /** 32 bytes that both ends of this very session know, and nobody else. */
  readonly channel: Uint8Array
}

export type ConnectionRefusal =
  | { readonly state: 'unreachable'; readonly message: string }
  /** No key, another kind of key, or another protocol. */
  | { readonly state: 'not-ours'; readonly message: string }
  | { readonly state: 'wrong-device'; readonly message: string }

const channelLabel = Buffer.from(labels.joinChannel).toString('latin1')

/** Both ends offer the same: TLS 1.3 only, AES-256 first, and no other keys than ours. */
export function tlsContext(certificate: DeviceCertificate): SecureContext {
  const options: SecureContextOptions = {
    cert: certificate.cert,
    key: certificate.key,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
    sigalgs: 'ed25519',
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
  return createSecureContext(options)
}

export interface DialParts {
  readonly suite: CryptoSuite
  readonly context: SecureContext
  readonly protocol: ProtocolName
  readonly expected: DeviceId
  readonly signal: AbortSignal
  readonly times: LinkTimes
}

/** Dials one address, and pins who answers. Never throws; nothing stays open after a refusal. */
export async function dialSecure(
  address: string,
  parts: DialParts,
): Promise<SecureConnection | ConnectionRefusal> {
  const target = parseHostPort(address)
  if (target === undefined) return { state: 'unreachable', message: `${address} is no address` }
  const tcp = connectTcp({ host: target.host, port: target.port, noDelay: true })
  const connected = await settled(tcp, 'connect', parts.times.connectMs, parts.signal)
  if (connected !== undefined) return { state: 'unreachable', message: `${address}: ${connected}` }
  const socket = connectTls({
    socket: tcp,
    secureContext: parts.context,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ALPNProtocols: [protocols[parts.protocol]],
  })
  const secured = await settled(socket, 'secureConnect', parts.times.handshakeMs, parts.signal)
  if (secured !== undefined) return { state: 'not-ours', message: `${address}: ${secured}` }
  const found = identify(parts.suite, socket, address, true)
  if ('state' in found) {
    socket.destroy()
    return found
  }
  if (found.peer === parts.expected) return found
  socket.destroy()
  return { state: 'wrong-device', message: `${address} is device ${found.peer.slice(0, 16)}` }
}

/** Of a connection that came in, once its handshake is done. */
export function identifyIncoming(
  suite: CryptoSuite,
  socket: TLSSocket,
): SecureConnection | ConnectionRefusal {
  const host = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
  return identify(suite, socket, formatHostPort({ host, port: socket.remotePort ?? 0 }), false)
}

function identify(
  suite: CryptoSuite,
  socket: TLSSocket,
  address: string,
  isDialled: boolean,
): SecureConnection | ConnectionRefusal {
  const protocol = (['sync', 'join'] as const).find((name) => protocols[name] === socket.alpnProtocol)
  if (protocol === undefined) return { state: 'not-ours', message: `${address} speaks another protocol` }
  if (socket.getProtocol() !== 'TLSv1.3') {
    return { state: 'not-ours', message: `${address} speaks another version of TLS` }
  }
  const peer = deviceIdOfCertificate(suite, socket.getPeerX509Certificate())
  if (peer === undefined) return { state: 'not-ours', message: `${address} has no device key` }
  const channel = new Uint8Array(socket.exportKeyingMaterial(32, channelLabel, Buffer.alloc(0)))
  return { socket, protocol, peer, address, isDialled, channel }
}

/** Undefined once it happened; otherwise why not, and the socket is gone. */
function settled(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const onEvent = (): void => finish(undefined)
  const onError = (error: Error): void => finish(error.message)
  const onClose = (): void => finish('closed')
  const onAbort = (): void => finish('given up')
  const timer = setTimeout(() => finish(`no answer in ${timeoutMs} ms`), timeoutMs)
  const finish = (problem: string | undefined): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    // NOTE: the listener of errors stays, as somebody must listen at any time.
    socket.off(event, onEvent).off('close', onClose)
    if (problem !== undefined) socket.destroy()
    resolve(problem)
  }
  socket.on(event, onEvent).on('error', onError).on('close', onClose)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort)
  return promise
}
