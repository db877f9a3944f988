import type { WebSocketPeer } from './websocket-server.ts'
import { CloseCode } from './websocket-frames.ts'

/**
 * One chat of the sample app: who is in it hears what is said, newcomers hear the last lines. Everything
 * that grows with use has a limit.
 */
export type ChatEvent =
  | {
      readonly kind: 'welcome'
      readonly you: string
      readonly present: number
      readonly said: readonly ChatLine[]
    }
  | { readonly kind: 'present'; readonly present: number }
  | ({ readonly kind: 'said' } & ChatLine)

export interface ChatLine {
  readonly from: string
  readonly text: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What a connection does in the room. */
export interface ChatMember {
  say(text: string): void
  leave(): void
}

const keptLines = 30
const maxTextLength = 500
/** More lines than this within `paceMs` end the connection. */
const maxLinesPerPace = 20
const paceMs = 10_000

interface Presence {
  readonly peer: WebSocketPeer
  readonly name: string
  readonly spokeAt: number[]
}

export class ChatRoom {
  readonly #wallClock: () => number
  readonly #present = new Set<Presence>()
  readonly #said: ChatLine[] = []
  #guests = 0

  constructor(wallClock: () => number) {
    this.#wallClock = wallClock
  }

  /** `user` is empty for a visitor nobody knows; such guests are numbered. */
  join(peer: WebSocketPeer, user: string): ChatMember {
    const name = user === '' ? `guest ${++this.#guests}` : user
    const presence: Presence = { peer, name, spokeAt: [] }
    this.#present.add(presence)
    this.#tell(peer, { kind: 'welcome', you: name, present: this.#present.size, said: this.#said })
    this.#tellOthers(presence)
    return {
      say: (text) => this.#say(presence, text),
      leave: () => {
        if (this.#present.delete(presence)) this.#tellOthers(presence)
      },
    }
  }

  #say(presence: Presence, text: string): void {
    const at = this.#wallClock()
    const { spokeAt, peer, name } = presence
    while ((spokeAt[0] ?? at) < at - paceMs) spokeAt.shift()
    if (spokeAt.length >= maxLinesPerPace) {
      peer.close(CloseCode.policy, 'too fast')
      return
    }
    spokeAt.push(at)
    const line = { from: name, text: text.trim().slice(0, maxTextLength), at }
    if (line.text === '') return
    this.#said.push(line)
    if (this.#said.length > keptLines) this.#said.shift()
    for (const each of this.#present) this.#tell(each.peer, { kind: 'said', ...line })
  }

  #tellOthers(presence: Presence): void {
    for (const each of this.#present) {
      if (each !== presence) this.#tell(each.peer, { kind: 'present', present: this.#present.size })
    }
  }

  #tell(peer: WebSocketPeer, event: ChatEvent): void {
    peer.send(JSON.stringify(event))
  }
}
