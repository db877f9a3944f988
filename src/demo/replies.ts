import type { IncomingMessage, ServerResponse } from 'node:http'

/** Small whole answers of the demo's servers, with the headers every page should have. */
export type Headers = Readonly<Record<string, string>>

const always: Headers = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export function reply(response: ServerResponse, status: number, body: string, headers: Headers): void {
  const length = String(Buffer.byteLength(body))
  response.writeHead(status, { ...always, ...headers, 'content-length': length }).end(body)
}

export function replyText(response: ServerResponse, status: number, text: string): void {
  reply(response, status, `${text}\n`, { 'content-type': 'text/plain; charset=utf-8' })
}

export function replyJson(response: ServerResponse, status: number, value: object): void {
  reply(response, status, JSON.stringify(value), { 'content-type': 'application/json' })
}

/** A page whose script and style are files of its own: nothing inline runs, nothing foreign loads. */
export function replyPage(response: ServerResponse, status: number, html: string, connect = "'self'"): void {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  reply(response, status, html, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
  })
}

/** The path without its query, never decoded; `*` and absolute forms give an empty text. */
export function pathOf(request: IncomingMessage): string {
  const target = request.url ?? ''
  return target.startsWith('/') ? (target.split('?', 1)[0] ?? '') : ''
}

export function queryOf(request: IncomingMessage): URLSearchParams {
  const target = request.url ?? ''
  const mark = target.indexOf('?')
  return new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1))
}
