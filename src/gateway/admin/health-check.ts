import { existsSync } from 'node:fs'
import { join } from 'node:path'
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
 * What `harp healthcheck` asks: a heartbeat through the HTTP listener and, where a certificate is there, a TLS
 * handshake with the HTTPS listener. Never rejects.
 */
export async function checkHealth({ config, timeoutMs }: HealthCheckOptions): Promise<Health> {
  const hasCertificate = existsSync(join(config.certsDir, 'cert.pem'))
  const { http, https } = config.listen
  const [heartbeat, tlsProblem] = await Promise.all([
    askHeartbeat({ address: http, sharedKey: config.sharedKey, timeoutMs }),
    hasCertificate ? handshakeProblem(https, timeoutMs) : null,
  ])
  if (heartbeat.kind === 'failed') {
    return unhealthy(`the gateway at ${formatHostPort(http)} ${heartbeat.problem}`)
  }
  if (tlsProblem !== null) {
    return unhealthy(`cert.pem is there but HTTPS at ${formatHostPort(https)} ${tlsProblem}`)
  }
  return { kind: 'healthy' }
}

function unhealthy(problem: string): Health {
  return { kind: 'unhealthy', problem }
}

/** null: the handshake succeeds. Whose certificate it is does not matter here. */
async function handshakeProblem(listening: HostPort, timeoutMs: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const { host, port } = reachable(listening)
  const socket = tls.connect({ host, port, rejectUnauthorized: false })
  const timer = setTimeout(() => resolve(`does not answer within ${timeoutMs} ms`), timeoutMs)
  socket.once('secureConnect', () => resolve(null))
  socket.once('close', () => resolve('closes the connection'))
  socket.on('error', (error) => resolve(`cannot be reached (${errorCode(error)})`))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
