/** Opens what frpc calls a connection: TCP, then websocket, then 0x17, then TLS, each where it is asked for. */
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { deadlineIn, within } from './deadline.ts'
import type { FrpcOptions, FrpcTls, RandomPurpose } from './frpc-options.ts'
import { upgradeToWebSocket } from './frpc-websocket.ts'

export interface FrpcTransport {
  readonly stream: Duplex
  /** The TCP connection under it. */
  readonly socket: Socket
}

const dialTimeoutMs = 10_000

export async function dial(
  options: FrpcOptions,
  random: (bytes: number, purpose: RandomPurpose) => Buffer,
): Promise<FrpcTransport> {
  const { host, port } = options.server
  const deadline = deadlineIn(dialTimeoutMs, 'frpc to connect')
  const socket = connect({ host, port, noDelay: true })
  try {
    await within(once(socket, 'connect'), deadline)
    let stream: Duplex = asGoWrites(socket)
    if (options.websocket !== undefined) {
      const kind = options.websocket
      stream = await within(upgradeToWebSocket(socket, { kind, host: `${host}:${port}`, random }), deadline)
    }
    if (options.tls !== 'off') {
      if (options.customByte === true) stream.write(Buffer.of(0x17))
      stream = await within(startTls(stream, host, options.tls ?? {}), deadline)
    }
    // NOTE: an error is followed by close, which is what everybody here waits for.
    stream.on('error', () => undefined)
    socket.on('error', () => undefined)
    return { stream, socket }
  } catch (error) {
    socket.on('error', () => undefined).destroy()
    throw error
  }
}

async function startTls(stream: Duplex, host: string, tls: FrpcTls): Promise<TLSSocket> {
  const name = tls.serverName ?? (isIP(host) === 0 ? host : undefined)
  const secure = connectTls({
    socket: stream,
    rejectUnauthorized: tls.ca !== undefined,
    ...(name === undefined ? {} : { servername: name }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  })
  asGoWrites(secure)
  await once(secure, 'secureConnect')
  return secure
}

/** Node joins waiting writes into one; without `_writev` each is one system call, and one TLS record, as in Go. */
function asGoWrites<S extends Socket>(socket: S): S {
  Object.assign(socket, { _writev: null })
  return socket
}
