/** Conversations recorded from a real Nextcloud with AppAPI (test/vectors/appapi), request by request. */
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HeaderLine } from '../support/http1-wire.ts'

const directory = fileURLToPath(new URL('../vectors/appapi', import.meta.url))

export interface RecordedRequest {
  readonly seq: number
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
  readonly body: string
  /** The body's real length; longer than `body` where a certificate bundle was cut. */
  readonly body_len: number
  readonly body_cut?: boolean
  readonly answer: { readonly status: number; readonly body: string }
}

export interface RecordedConversation {
  readonly name: string
  readonly requests: readonly RecordedRequest[]
}

export function loadConversations(): RecordedConversation[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.jsonl'))
    .toSorted()
    .map((file) => ({
      name: basename(file, '.jsonl'),
      requests: readFileSync(join(directory, file), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as RecordedRequest),
    }))
}

/**
 * The request as it was sent, but for the place of the ExApp: the recorded `ex-app-host`/`ex-app-port` and the
 * host and port of a pushed record become `app`. A cut body is filled up to its real length with blanks, which
 * are nothing to JSON; Content-Length follows the body.
 */
export function redirectTo(
  request: RecordedRequest,
  app: { readonly host: string; readonly port: number },
): {
  readonly method: string
  readonly target: string
  readonly headers: HeaderLine[]
  readonly body: string
} {
  const body = request.target.includes('/exapp_storage/')
    ? request.body
        .replace(/"host":"[^"]*"/, `"host":"${app.host}"`)
        .replace(/"port":\d+/, `"port":${app.port}`)
    : request.body.padEnd(request.body_len)
  const replaced: Readonly<Record<string, string>> = {
    'ex-app-host': app.host,
    'ex-app-port': String(app.port),
    'content-length': String(Buffer.byteLength(body)),
  }
  const headers = request.headers.map(([name, value]): HeaderLine => [
    name,
    replaced[name.toLowerCase()] ?? value,
  ])
  return { method: request.method, target: request.target, headers, body }
}
