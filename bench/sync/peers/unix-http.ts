/** Questions to a daemon that answers with JSON on a Unix socket. */
import { request } from 'node:http'

export interface UnixQuestion {
  readonly socket: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Rejects with the daemon's own words. An empty answer is null. */
export async function askUnix({ socket, method, path, headers = {}, body }: UnixQuestion): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asked = request({ socketPath: socket, method, path, headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    response.once('end', () => {
      if (response.statusCode === 200) resolve(text)
      else reject(new Error(`${path}: ${response.statusCode} ${text.slice(0, 500)}`))
    })
  })
  asked.once('error', reject)
  asked.end(body === undefined ? undefined : JSON.stringify(body))
  const text = await promise
  return text.trim() === '' ? null : (JSON.parse(text) as unknown)
}
