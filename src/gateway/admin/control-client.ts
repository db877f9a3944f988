import http from 'node:http'
import { z } from 'zod'
import { errorCode, errorMessage } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import type { EngineStatus } from '../engine/engines.ts'
import type { TokenEntry, TokenRequest } from '../tokens/token-record.ts'
import type { NewToken } from '../tokens/token-store.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import type { AppStatus } from './app-overview.ts'
import { controlSocketPath } from './control-socket.ts'
import {
  appList,
  banList,
  engineList,
  gatewayStatus,
  liftedBan,
  madeToken,
  revokedToken,
  tokenList,
  tunnelOverview,
} from './operator-answers.ts'
import type { BanEntry, GatewayStatus } from './operator-api.ts'

/** What became of a call; `value` is what was asked for. */
export type ControlReply<Value> =
  | { readonly kind: 'ok'; readonly value: Value }
  /** No gateway has this state directory, or it has no control socket. */
  | { readonly kind: 'not-running'; readonly path: string }
  /** The socket belongs to another user. */
  | { readonly kind: 'denied'; readonly path: string }
  /** `missing`: what was named is not there; `failed`: everything else. */
  | { readonly kind: 'missing' | 'failed'; readonly problem: string }

const defaultTimeoutMs = 3_000
/** The gateway gives each engine 3 s. */
const enginesTimeoutMs = 6_000
const maxBodyBytes = 64 * 1_048_576

/** Calls the gateway that has this state directory. No method rejects. */
export class ControlClient {
  readonly path: string

  constructor(stateDir: string) {
    this.path = controlSocketPath(stateDir)
  }

  async status(): Promise<ControlReply<GatewayStatus>> {
    return parseReply(await this.#call('GET', '/status'), gatewayStatus)
  }

  async bans(): Promise<ControlReply<readonly BanEntry[]>> {
    return mapReply(parseReply(await this.#call('GET', '/bans'), banList), ({ bans }) => bans)
  }

  /** Gives the address or prefix as the gateway spells it. */
  async lift(address: string): Promise<ControlReply<string>> {
    const reply = await this.#call('DELETE', `/bans/${encodeURIComponent(address)}`)
    return mapReply(parseReply(reply, liftedBan), ({ lifted }) => lifted)
  }

  async tunnels(): Promise<ControlReply<TunnelOverview>> {
    return parseReply(await this.#call('GET', '/tunnels'), tunnelOverview)
  }

  /** The gateway asks each of them. */
  async engines(): Promise<ControlReply<readonly EngineStatus[]>> {
    const reply = await this.#call('GET', '/engines', { timeoutMs: enginesTimeoutMs })
    return mapReply(parseReply(reply, engineList), ({ engines }) => engines)
  }

  async apps(): Promise<ControlReply<readonly AppStatus[]>> {
    return mapReply(parseReply(await this.#call('GET', '/apps'), appList), ({ apps }) => apps)
  }

  async tokens(): Promise<ControlReply<readonly TokenEntry[]>> {
    return mapReply(parseReply(await this.#call('GET', '/tokens'), tokenList), ({ tokens }) => tokens)
  }

  async addToken(request: TokenRequest): Promise<ControlReply<NewToken>> {
    const reply = await this.#call('POST', '/tokens', { body: JSON.stringify(request) })
    return mapReply(parseReply(reply, madeToken), ({ token, ...entry }) => ({
      entry,
      text: new Secret(token),
    }))
  }

  async revokeToken(id: string): Promise<ControlReply<TokenEntry>> {
    const reply = await this.#call('DELETE', `/tokens/${encodeURIComponent(id)}`)
    return mapReply(parseReply(reply, revokedToken), ({ revoked }) => revoked)
  }

  async #call(
    method: string,
    path: string,
    options: { readonly body?: string; readonly timeoutMs?: number } = {},
  ): Promise<ControlReply<unknown>> {
    const { body, timeoutMs = defaultTimeoutMs } = options
    const { promise, resolve } = Promise.withResolvers<ControlReply<unknown>>()
    const request = http.request({ socketPath: this.path, method, path, agent: false })
    const timer = setTimeout(() => {
      resolve({ kind: 'failed', problem: `the gateway does not answer within ${timeoutMs} ms` })
      request.destroy()
    }, timeoutMs)
    request.on('error', (error) => resolve(this.#toReply(error)))
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBodyBytes) request.destroy(new Error('the answer is too large'))
        else chunks.push(chunk)
      })
      response.on('error', (error) => resolve(this.#toReply(error)))
      response.on('end', () => resolve(interpret(response.statusCode ?? 0, Buffer.concat(chunks))))
    })
    request.end(body)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  #toReply(error: unknown): ControlReply<never> {
    switch (errorCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ECONNREFUSED':
        return { kind: 'not-running', path: this.path }
      case 'EACCES':
      case 'EPERM':
        return { kind: 'denied', path: this.path }
      default:
        return { kind: 'failed', problem: errorMessage(error) }
    }
  }
}

function interpret(status: number, body: Buffer): ControlReply<unknown> {
  const value = parseJson(body.toString('utf8'))
  if (status === 200 && value !== undefined) return { kind: 'ok', value }
  const told = z.object({ error: z.string() }).safeParse(value)
  const problem = told.success ? told.data.error : `the gateway answered with status ${status}`
  return { kind: status === 404 ? 'missing' : 'failed', problem }
}

function parseReply<Value>(reply: ControlReply<unknown>, schema: z.ZodType<Value>): ControlReply<Value> {
  if (reply.kind !== 'ok') return reply
  const parsed = schema.safeParse(reply.value)
  if (parsed.success) return { kind: 'ok', value: parsed.data }
  return { kind: 'failed', problem: 'the gateway is of another version: restart it' }
}

function mapReply<From, To>(reply: ControlReply<From>, map: (value: From) => To): ControlReply<To> {
  return reply.kind === 'ok' ? { kind: 'ok', value: map(reply.value) } : reply
}
