import { parseJson } from '../nextcloud/exapp-meta.ts'
import { fieldOf, type ExchangeReply } from './engine-exchange.ts'

export interface EngineReply {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
  /** undefined where the body is none. */
  json(): unknown
  /** What the engine says went wrong, in one line of at most 300 characters; empty where it says nothing. */
  readonly message: string
}

const maxMessage = 300

export function toReply(reply: ExchangeReply): EngineReply {
  const { status, body } = reply
  const json = (): unknown => parseJson(body.toString('utf8'))
  return {
    status,
    contentType: fieldOf(reply, 'content-type'),
    body,
    json,
    message: status < 400 ? '' : messageOf(json()),
  }
}

function messageOf(json: unknown): string {
  if (typeof json !== 'object' || json === null) return ''
  const { message } = json as { readonly message?: unknown }
  if (typeof message !== 'string') return ''
  const line = message.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length <= maxMessage ? line : `${line.slice(0, maxMessage - 1)}…`
}
