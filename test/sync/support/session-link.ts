import { ExchangeSession } from '../../../src/sync/exchange/exchange-session.ts'
import type { ExchangeReplica } from '../../../src/sync/exchange/exchange-replica.ts'
import { decodeMessage } from '../../../src/sync/exchange/message-codec.ts'
import type { Message } from '../../../src/sync/exchange/message.ts'
import type { AuthorityStatement } from '../../../src/sync/format/statement.ts'
import { noHash } from '../../../src/sync/ids.ts'
import type { Acceptance } from '../../../src/sync/log/acceptance.ts'
import { fakeSuite } from './fake-suite.ts'
import type { LogPeer } from './log-peer.ts'

/** A replica that is a log and nothing else, as a relay without keys in peer mode is. */
export function bareReplica(peer: LogPeer): ExchangeReplica<Acceptance> {
  return {
    log: peer.log,
    statements: {
      count: 0,
      lastHash: noHash,
      splitEvidence: undefined,
      from: (): AuthorityStatement[] => [],
    },
    receive: (bytes, source, now) => peer.log.accept(bytes, source, now),
    receiveStatement: () => ({ outcome: 'refused-issuer' }),
  }
}

/** One end of a link, and what it has sent. */
export interface LinkEnd {
  readonly session: ExchangeSession<Acceptance>
  readonly sent: Message[]
  bytes: number
}

/** Two sessions on a wire that carries one message at a time, turn by turn. */
export class SessionLink {
  readonly left: LinkEnd
  readonly right: LinkEnd

  constructor(left: ExchangeReplica<Acceptance>, right: ExchangeReplica<Acceptance>, folderId: string) {
    const open = (replica: ExchangeReplica<Acceptance>, peer: string): LinkEnd => ({
      session: new ExchangeSession(replica, { suite: fakeSuite, folderId, peer }),
      sent: [],
      bytes: 0,
    })
    this.left = open(left, 'right')
    this.right = open(right, 'left')
  }

  static between(left: LogPeer, right: LogPeer): SessionLink {
    const folderId = left.log.folderId ?? right.log.folderId ?? noHash
    return new SessionLink(bareReplica(left), bareReplica(right), folderId)
  }

  /** Until neither has anything to say. Fails if that does not happen. */
  run(now: number, limit = 100_000): this {
    for (let turn = 0; turn < limit; turn++) {
      const one = this.step(this.left, this.right, now)
      const other = this.step(this.right, this.left, now)
      if (!one && !other) return this
    }
    throw new Error('the sessions never come to rest')
  }

  /** Carries one message, if there is one. */
  step(from: LinkEnd, to: LinkEnd, now: number): boolean {
    const bytes = from.session.next(now)
    if (bytes === undefined) return false
    from.sent.push(decodeMessage(bytes))
    from.bytes += bytes.length
    to.session.receive(bytes, now)
    return true
  }

  changed(): this {
    this.left.session.changed()
    this.right.session.changed()
    return this
  }

  get idle(): boolean {
    return this.left.session.idle && this.right.session.idle
  }
}

/** How many messages of each kind were sent. */
export function countMessages(end: LinkEnd): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { type } of end.sent) counts[type] = (counts[type] ?? 0) + 1
  return counts
}
