import http from 'node:http'
import https from 'node:https'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import { trustedAuthorities } from '../../net/trusted-authorities.ts'

export interface NextcloudAnswer {
  readonly status: number
  readonly body: string
}

export interface NextcloudClientOptions {
  /** Base URL without a trailing slash or /index.php. */
  readonly baseUrl: URL
  readonly connectTimeoutMs: number
  readonly totalTimeoutMs: number
  readonly maxConnections: number
  /** Calls under way or waiting for a connection; more fail at once instead of piling up. */
  readonly maxPending: number
  readonly maxBodyBytes: number
}

export const nextcloudClientDefaults = {
  connectTimeoutMs: 5_000,
  totalTimeoutMs: 25_000,
  maxConnections: 100,
  maxPending: 1_000,
  maxBodyBytes: 1_048_576,
} satisfies Omit<NextcloudClientOptions, 'baseUrl'>

const maxRedirects = 10

/**
 * GET requests to the one Nextcloud, over kept-alive connections. Redirects are followed only to the same
 * host or from http to https of the same host, because every request carries the shared key (W42).
 * Throws HarpError NEXTCLOUD_*; an HTTP status of any kind is an answer, not an error.
 */
export class NextcloudClient {
  readonly #options: NextcloudClientOptions
  readonly #plain: http.Agent
  readonly #secure: https.Agent
  #pending = 0

  constructor(options: NextcloudClientOptions) {
    this.#options = options
    const agent = { keepAlive: true, maxSockets: options.maxConnections, maxFreeSockets: 16, timeout: 30_000 }
    this.#plain = new http.Agent(agent)
    this.#secure = new https.Agent({ ...agent, ca: trustedAuthorities() })
  }

  /** `path` starts with a slash and follows the base URL's own path. */
  async get(path: string, headers: Readonly<Record<string, string>>): Promise<NextcloudAnswer> {
    if (this.#pending >= this.#options.maxPending) {
      throw new HarpError('NEXTCLOUD_OVERLOADED', `${this.#pending} calls to Nextcloud are waiting`, {
        retryable: true,
      })
    }
    this.#pending++
    try {
      const signal = AbortSignal.timeout(this.#options.totalTimeoutMs)
      return await this.#follow(
        new URL(this.#options.baseUrl.href.replace(/\/$/, '') + path),
        headers,
        signal,
      )
    } finally {
      this.#pending--
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#secure.destroy()
  }

  async #follow(
    first: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<NextcloudAnswer> {
    let url = first
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const { answer, location } = await this.#once(url, headers, signal)
      if (location === null) return answer
      const next = new URL(location, url)
      const sameHost = next.host === url.host && next.protocol === url.protocol
      const upgraded =
        next.hostname === url.hostname && url.protocol === 'http:' && next.protocol === 'https:'
      if (!sameHost && !upgraded) {
        throw new HarpError('NEXTCLOUD_REDIRECT', `Nextcloud redirects to another host: ${next.origin}`, {
          fix: `set NC_INSTANCE_URL to ${next.origin}`,
        })
      }
      url = next
    }
    throw new HarpError('NEXTCLOUD_REDIRECT', `more than ${maxRedirects} redirects`, {
      fix: 'check NC_INSTANCE_URL',
    })
  }

  #once(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ answer: NextcloudAnswer; location: string | null }> {
    const { promise, resolve, reject } = Promise.withResolvers<{
      answer: NextcloudAnswer
      location: string | null
    }>()
    const secure = url.protocol === 'https:'
    const request = (secure ? https : http).request(url, {
      agent: secure ? this.#secure : this.#plain,
      headers: { accept: 'application/json', ...headers },
      signal,
    })
    const fail = (error: unknown): void => reject(toNextcloudError(error, url))
    const connectTimer = setTimeout(() => {
      request.destroy(
        new HarpError('NEXTCLOUD_TIMEOUT', `no connection to ${url.origin} in time`, { retryable: true }),
      )
    }, this.#options.connectTimeoutMs)
    request.on('socket', (socket) => {
      if (!socket.connecting) clearTimeout(connectTimer)
      else socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connectTimer))
    })
    request.on('close', () => {
      clearTimeout(connectTimer)
      // NOTE: an answer that switches protocols ends without another event.
      fail(new HarpError('NEXTCLOUD_BAD_ANSWER', `${url.origin} closed the connection without an answer`))
    })
    request.on('error', fail)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > this.#options.maxBodyBytes) {
          request.destroy(
            new HarpError('NEXTCLOUD_BAD_ANSWER', `answer larger than ${this.#options.maxBodyBytes} bytes`),
          )
        } else {
          chunks.push(chunk)
        }
      })
      response.on('error', fail)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        const isRedirect = [301, 302, 303, 307, 308].includes(status)
        const location = isRedirect ? (response.headers.location ?? null) : null
        resolve({ answer: { status, body: Buffer.concat(chunks).toString('utf8') }, location })
      })
    })
    request.end()
    return promise
  }
}

function toNextcloudError(error: unknown, url: URL): HarpError {
  if (error instanceof HarpError) return error
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
    return new HarpError('NEXTCLOUD_TIMEOUT', `no answer from ${url.origin} in time`, {
      cause: error,
      retryable: true,
    })
  }
  return new HarpError('NEXTCLOUD_UNREACHABLE', `${url.origin}: ${errorCode(error)} ${errorMessage(error)}`, {
    cause: error,
    retryable: true,
  })
}
