import http from 'node:http'
import { errorCode } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import type { HostPort } from '../../net/address.ts'

export type Heartbeat =
  | { readonly kind: 'alive' }
  /** `problem` completes the sentence "the gateway …". */
  | { readonly kind: 'failed'; readonly problem: string }

export interface HeartbeatOptions {
  readonly address: HostPort
  readonly sharedKey: Secret
  readonly timeoutMs: number
}

const heartbeatPath = '/exapps/app_api/heartbeat'
const maxBodyBytes = 1_024

/**
 * One control request through the HTTP listener with the key: listener, decision and control API have to
 * work for it, so a stuck gateway that still accepts connections does not pass (W46). Never rejects.
 */
export async function askHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  const { promise, resolve } = Promise.withResolvers<Heartbeat>()
  const fail = (problem: string): void => resolve({ kind: 'failed', problem })
  const { host, port } = reachable(options.address)
  const request = http.request({
    host,
    port,
    path: heartbeatPath,
    agent: false,
    headers: { 'harp-shared-key': options.sharedKey.reveal() },
  })
  const timer = setTimeout(() => {
    fail(`does not answer within ${options.timeoutMs} ms`)
    request.destroy()
  }, options.timeoutMs)
  request.on('error', (error) => {
    const isClosed = errorCode(error) === 'ECONNRESET'
    fail(isClosed ? 'closes the connection without an answer' : `cannot be reached (${errorCode(error)})`)
  })
  request.on('response', (response) => {
    let text = ''
    response.setEncoding('latin1')
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > maxBodyBytes) request.destroy()
    })
    response.on('close', () => {
      if (response.statusCode === 200 && /"status"\s*:\s*"ok"/.test(text)) resolve({ kind: 'alive' })
      else if (response.statusCode === 401) fail('does not accept this shared key')
      else fail(`answers with status ${response.statusCode} in place of its heartbeat`)
    })
  })
  request.end()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

/** An address to connect to for one that is listened on. */
export function reachable(listening: HostPort): HostPort {
  switch (listening.host) {
    case '0.0.0.0':
      return { ...listening, host: '127.0.0.1' }
    case '::':
      return { ...listening, host: '::1' }
    default:
      return listening
  }
}
