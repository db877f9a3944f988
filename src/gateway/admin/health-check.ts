import { existsSync } from 'node:fs'
import { join } from 'node:path'
import net from 'node:net'
import tls from 'node:tls'
import { errorCode } from '../../base/errors.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import type { GatewayConfig } from '../config/config.ts'
import { askHeartbeat, reachable } from './heartbeat.ts'

export type Health = { readonly kind: 'healthy' } | { readonly kind: 'unhealthy'; readonly problem: string }

export interface HealthCheckOptions {
  readonly config: GatewayConfig
  /** For all of it together. */
  readonly timeoutMs: number
}

/**
 * What `harp healthcheck` asks: a heartbeat through the HTTP listener, a connection to the address of tunnels and,
 * where a certificate is there, a TLS handshake with the HTTPS listener. Never rejects.
 */
export async function checkHealth({ config, timeoutMs }: HealthCheckOptions): Promise<Health> {
  const hasCertificate = existsSync(join(config.certsDir, 'cert.pem'))
  const { http, https, frp } = config.listen
  const [heartbeat, tlsProblem, tunnelProblem] = await Promise.all([
    askHeartbeat({ address: http, sharedKey: config.sharedKey, timeoutMs }),
    hasCertificate ? handshakeProblem(https, timeoutMs) : null,
    connectProblem(frp, timeoutMs),
  ])
  if (heartbeat.kind === 'failed') {
    return unhealthy(`the gateway at ${formatHostPort(http)} ${heartbeat.problem}`)
  }
  if (tlsProblem !== null) {
    return unhealthy(`cert.pem is there but HTTPS at ${formatHostPort(https)} ${tlsProblem}`)
  }
  if (tunnelProblem !== null) {
    return unhealthy(`the address of tunnels, ${formatHostPort(frp)} (HP_FRP_ADDRESS), ${tunnelProblem}`)
  }
  return { kind: 'healthy' }
}

function unhealthy(problem: string): Health {
  return { kind: 'unhealthy', problem }
}

/** null: the handshake succeeds. Whose certificate it is does not matter here. */
function handshakeProblem(listening: HostPort, timeoutMs: number): Promise<string | null> {
  const socket = tls.connect({ ...reachable(listening), rejectUnauthorized: false })
  return problemUntil(socket, 'secureConnect', timeoutMs)
}

/** null: somebody accepts connections there. */
function connectProblem(listening: HostPort, timeoutMs: number): Promise<string | null> {
  return problemUntil(net.connect(reachable(listening)), 'connect', timeoutMs)
}

async function problemUntil(
  socket: net.Socket,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const timer = setTimeout(() => resolve(`does not answer within ${timeoutMs} ms`), timeoutMs)
  socket.once(event, () => resolve(null))
  socket.once('close', () => resolve('closes the connection'))
  socket.on('error', (error) => resolve(`cannot be reached (${errorCode(error)})`))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
