/**
 * The sources of the sync core as a browser loads them: modules with their types taken out, and an import map for the
 * packages. What needs Node is not served, so a page that asked for it would break.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const served = [
  /^\/src\/sync\/(?!crypto\/node-suite|store\/sqlite|index\.ts)[\w/-]+\.ts$/,
  /^\/src\/base\/(?:errors|free-memory)\.ts$/,
  /^\/test\/browser\/support\/sync-scenario\.ts$/,
  /^\/node_modules\/(?:cborg|@noble)\/[\w./-]+\.js$/,
]

const importMap = JSON.stringify({
  imports: { cborg: '/node_modules/cborg/cborg.js', '@noble/': '/node_modules/@noble/' },
})
const mapHash = createHash('sha256').update(importMap).digest('base64')
/** No network, no evaluation of text, no WebAssembly: modules of this server and nothing else. */
const policy = `default-src 'none'; script-src 'self' 'sha256-${mapHash}'`
const page = `<!doctype html><title>sync core</title><script type="importmap">${importMap}</script>`

export class ModuleServer {
  readonly url: string
  /** What was asked for and is not served. */
  readonly refused: string[]
  readonly #server: Server

  private constructor(server: Server, refused: string[]) {
    this.#server = server
    this.refused = refused
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  static async start(): Promise<ModuleServer> {
    const refused: string[] = []
    const server = createServer((request, response) => {
      const path = request.url ?? '/'
      const answer = (type: string, body: string): void => {
        response.writeHead(200, { 'content-type': type, 'content-security-policy': policy })
        response.end(body)
      }
      if (path === '/') {
        answer('text/html; charset=utf-8', page)
        return
      }
      moduleText(path).then(
        (text) => answer('text/javascript; charset=utf-8', text),
        () => {
          if (path !== '/favicon.ico') refused.push(path)
          response.writeHead(404).end()
        },
      )
    })
    const { promise, resolve } = Promise.withResolvers<undefined>()
    server.listen(0, '127.0.0.1', () => resolve(undefined))
    await promise
    return new ModuleServer(server, refused)
  }

  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#server.close(() => resolve(undefined))
    this.#server.closeAllConnections()
    await promise
  }
}

async function moduleText(path: string): Promise<string> {
  const isServed = !path.includes('..') && served.some((pattern) => pattern.test(path))
  if (!isServed) throw new Error(`not served: ${path}`)
  const text = await readFile(join(root, path), 'utf8')
  return path.endsWith('.ts') ? stripTypeScriptTypes(text) : text
}
