/** What the benchmark asks of its load generator, a process of its own, and what comes back. */

interface Where {
  readonly host: string
  readonly port: number
  readonly path: string
}

export type LoadCommand =
  /** Opens WebSockets and keeps them; `close` ends them all. */
  | (Where & { readonly kind: 'open'; readonly connections: number })
  /** One message at a time on each open WebSocket, for so long; 0: exactly one. */
  | { readonly kind: 'echo'; readonly ms: number }
  | { readonly kind: 'close' }
  /** Handshakes, each connection closed at once, so many under way. */
  | (Where & { readonly kind: 'establish'; readonly inFlight: number; readonly ms: number })
  /** `slots` connections at once, each with so many transfers one after the other, of so many bytes. */
  | (Where & {
      readonly kind: 'download' | 'upload'
      readonly slots: number
      readonly transfers: number
      readonly bytes: number
    })

export interface LoadResult {
  /** WebSockets opened, echoes, handshakes, or transfers. */
  readonly operations: number
  readonly seconds: number
  readonly problems: number
}

export interface LoadRequest {
  readonly id: number
  readonly command: LoadCommand
}

export interface LoadReply {
  readonly id: number
  readonly result: LoadResult | { readonly error: string }
}
