/** One connection to the tunnel server, as a tunnel client makes it, up to the answer to its login. */
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import tls from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import type { HostPort } from '../../net/address.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import { serverName } from '../certificates/issue.ts'
import { judgedAfterHandshake, serverProblem } from '../certificates/server-verdict.ts'
import { privilegeKey } from '../frp/auth.ts'
import { FrpChannel } from '../frp/frp-channel.ts'
import {
  connectionProblem,
  timeoutCode,
  type ConnectionProblem,
  type ConnectionStage,
} from './connection-problem.ts'

/** PEM, as deployed apps and engines have them. */
export interface TunnelClientTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface TunnelLoginRequest {
  readonly address: HostPort
  /** null: without TLS. */
  readonly tls: TunnelClientTls | null
  /** null: everything but the login itself. */
  readonly key: Secret | null
  readonly clientVersion: string
  readonly clock: Clock
  /** For all of it. */
  readonly timeoutMs: number
}

export type TunnelLoginResult =
  | { readonly kind: 'failed'; readonly stage: ConnectionStage; readonly problem: ConnectionProblem }
  /** There is a connection, and no login was wanted. */
  | { readonly kind: 'connected' }
  /** `error` as the server sends it; empty: it accepts. */
  | { readonly kind: 'answered'; readonly error: string; readonly localAddress: string }

/** Every HaRP and Harp has this frp token; the shared key is in `metadatas.token`. */
const frpToken = ''

/** Opens no proxy and no work connection, and leaves nothing behind. Never rejects. */
export async function tryTunnelLogin(request: TunnelLoginRequest): Promise<TunnelLoginResult> {
  const { promise, resolve } = Promise.withResolvers<TunnelLoginResult>()
  let stage: ConnectionStage = 'connect'
  const fail = (error: unknown): void => {
    resolve({ kind: 'failed', stage, problem: connectionProblem(error, stage) })
  }
  const { host, port } = request.address
  const socket =
    request.tls === null
      ? net.connect({ host, port })
      : // NOTE: by its name and CA, whatever the address is: so do all clients.
        tls.connect({ host, port, servername: serverName, ...judgedAfterHandshake, ...request.tls })
  const timer = setTimeout(() => fail(new HarpError(timeoutCode, 'too slow')), request.timeoutMs)
  socket.on('error', fail)
  socket.once('close', () => fail(new HarpError('ECONNRESET', 'closed')))
  const onReady = (): void => {
    stage = 'answer'
    if (request.key === null) resolve({ kind: 'connected' })
    else {
      logIn(socket, request, request.key, (error) =>
        resolve({ kind: 'answered', error, localAddress: socket.localAddress ?? '' }),
      )
    }
  }
  socket.once('connect', () => {
    stage = 'tls'
    if (request.tls === null) onReady()
  })
  socket.once('secureConnect', () => {
    const problem = problemOfServer(socket, request)
    if (problem === null) onReady()
    else fail(problem)
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

function problemOfServer(socket: net.Socket, { tls: files, clock }: TunnelLoginRequest): Error | null {
  if (files === null || !(socket instanceof tls.TLSSocket)) return null
  return serverProblem(socket, { name: serverName, authorities: files.ca, now: clock.wall() })
}

/** The end of the socket, whatever it is, tells of every other outcome. */
function logIn(
  socket: net.Socket,
  { clientVersion, clock }: TunnelLoginRequest,
  key: Secret,
  onAnswer: (error: string) => void,
): void {
  const channel = new FrpChannel(new StreamWire(socket), {
    side: 'client',
    randomBytes,
    onMessage: (message) => {
      if (message.kind !== 'LoginResp') return
      onAnswer(message.error)
      channel.destroy()
    },
    onClose: () => socket.destroy(),
  })
  const timestamp = Math.floor(clock.wall() / 1000)
  channel.send({
    kind: 'Login',
    version: clientVersion,
    hostname: 'harp doctor',
    privilegeKey: privilegeKey(frpToken, timestamp),
    timestamp,
    metas: { token: key.reveal() },
  })
}
