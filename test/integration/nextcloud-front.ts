/**
 * A whole Nextcloud by address: `status.php` as the test says, everything else from the stand-in that knows
 * AppAPI's two endpoints. Over TLS if it gets a certificate.
 */
import { createServer, request as forward, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import type { SelfSigned } from '../support/self-signed.ts'

export interface NextcloudFace {
  /** What status.php does; absent: it says that all is well. */
  readonly status?: {
    readonly code?: number
    readonly body?: unknown
    readonly headers?: Readonly<Record<string, string>>
  }
  /** Where /status.php redirects to. */
  readonly movedTo?: string
  /** How far its clock is ahead. */
  readonly skewMs?: number
  /** Answers everything but status.php in place of AppAPI. */
  readonly appApi?: { readonly code: number; readonly body: string }
  readonly isSilent?: boolean
}

export const healthyStatus = {
  installed: true,
  maintenance: false,
  needsDbUpgrade: false,
  version: '31.0.4.1',
  versionstring: '31.0.4',
  productname: 'Nextcloud',
}

export class NextcloudFront {
  readonly appApi: FakeNextcloud
  readonly url: string
  /** May be changed at any time. */
  face: NextcloudFace
  readonly #server: Server

  private constructor(appApi: FakeNextcloud, server: Server, face: NextcloudFace, scheme: string) {
    this.appApi = appApi
    this.face = face
    this.#server = server
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(
    options: { readonly key?: string; readonly face?: NextcloudFace; readonly tls?: SelfSigned } = {},
  ): Promise<NextcloudFront> {
    const appApi = await FakeNextcloud.start(options.key === undefined ? {} : { key: options.key })
    const { tls } = options
    const answer: RequestListener = (request, response) => {
      const { face } = front
      if (face.isSilent === true) return
      response.sendDate = false
      response.setHeader('date', new Date(Date.now() + (face.skewMs ?? 0)).toUTCString())
      if (face.movedTo !== undefined && request.url === '/status.php') {
        response.writeHead(301, { location: face.movedTo }).end()
      } else if (request.url?.split('?')[0]?.endsWith('/status.php') === true) {
        const { code = 200, body = healthyStatus, headers = {} } = face.status ?? {}
        response.writeHead(code, { 'content-type': 'application/json', ...headers })
        response.end(typeof body === 'string' ? body : JSON.stringify(body))
      } else if (face.appApi !== undefined) {
        response.writeHead(face.appApi.code, { 'content-type': 'text/html' }).end(face.appApi.body)
      } else {
        const { method, url, headers } = request
        const onward = forward({ host: '127.0.0.1', port: appApi.port, method, path: url, headers })
        onward.on('error', () => response.destroy())
        onward.on('response', (given) => {
          response.writeHead(given.statusCode ?? 0, { 'content-type': given.headers['content-type'] })
          given.pipe(response)
        })
        request.pipe(onward)
      }
    }
    const server =
      tls === undefined ? createServer(answer) : createTlsServer({ cert: tls.cert, key: tls.key }, answer)
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const front = new NextcloudFront(appApi, server, options.face ?? {}, tls === undefined ? 'http' : 'https')
    return front
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeAllConnections()
    await closed
    await this.appApi.stop()
  }
}
