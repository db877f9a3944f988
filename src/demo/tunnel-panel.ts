import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorMessage } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Cable } from './cable.ts'
import { pathOf, replyJson, replyText } from './replies.ts'
import { isSameOrigin } from './same-origin.ts'

/** What the gateway says of the app's tunnel, in the words of `harp tunnels --json`. */
export interface TunnelFacts {
  readonly state: 'open' | 'lost'
  /** The client's address. */
  readonly peer: string
  readonly transport: string
  readonly certificate: { readonly subject: string; readonly validTo: string } | null
  readonly identity: { readonly kind: string }
  readonly openedAt: string
  readonly ageSeconds: number
  readonly connections: { readonly active: number; readonly idle: number; readonly total: number }
  readonly bytes: { readonly toApp: number; readonly fromApp: number }
  readonly roundTripMs: number | null
}

export interface TunnelPanelOptions {
  readonly cable: Pick<Cable, 'cut' | 'lastCut'>
  /** null: the gateway knows of no tunnel. */
  readonly facts: () => Promise<TunnelFacts | null>
  readonly log: Logger
}

/** `GET /demo/tunnel`: the tunnel as it is now; `POST /demo/tunnel/cut`: pull the cable for a moment. */
export class TunnelPanel {
  readonly #options: TunnelPanelOptions

  constructor(options: TunnelPanelOptions) {
    this.#options = options
  }

  /** False where the request is not for it. */
  answers(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request)
    if (path !== '/demo/tunnel' && path !== '/demo/tunnel/cut') return false
    request.resume()
    const method = path === '/demo/tunnel' ? 'GET' : 'POST'
    if (request.method !== method) replyText(response, 405, `Only ${method} here.`)
    // Any site can make a browser send a POST: only the demo's own page may cut.
    else if (method === 'POST' && !isSameOrigin(request)) replyText(response, 403, 'Not from another site.')
    else {
      if (method === 'POST') this.#options.cable.cut()
      void this.#tell(response)
    }
    return true
  }

  async #tell(response: ServerResponse): Promise<void> {
    const { facts, log } = this.#options
    try {
      const now = await facts()
      if (now === null) replyText(response, 503, 'The gateway knows of no tunnel.')
      else replyJson(response, 200, { ...now, ...this.#lastCut(now) })
    } catch (error) {
      log.warn({ problem: errorMessage(error) }, 'the gateway was not asked for its tunnel')
      if (!response.headersSent) replyText(response, 503, 'The gateway does not tell.')
    }
  }

  /** `healedMs`: from the cable's repair to the new tunnel; null: not yet, or never cut. */
  #lastCut(facts: TunnelFacts): { readonly isCut: boolean; readonly healedMs: number | null } {
    const { lastCut } = this.#options.cable
    if (lastCut === null) return { isCut: false, healedMs: null }
    if (lastCut.repairedAt === null) return { isCut: true, healedMs: null }
    const openedAt = Date.parse(facts.openedAt)
    const isHealed = facts.state === 'open' && openedAt >= lastCut.at
    return { isCut: false, healedMs: isHealed ? Math.max(0, openedAt - lastCut.repairedAt) : null }
  }
}
