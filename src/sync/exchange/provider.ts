import type { CryptoSuite } from '../crypto/suite.ts'
import type { ChainHead } from '../format/statement.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { BatchQueue } from './batch-queue.ts'
import { exchangeLimits } from './exchange-limits.ts'
import type { ExchangeReplica } from './exchange-replica.ts'
import type { FaultReason, Message, Want, WantedHead } from './message.ts'
import type { PeerKnowledge } from './peer-knowledge.ts'
import { StatementFeed } from './statement-feed.ts'

/**
 * The half of a session that gives: its frontier, what the peer wants of it, and from then on everything new. Nothing
 * is queued but places in the log; a slow peer costs no memory.
 */
export class Provider {
  readonly statements: StatementFeed
  readonly #replica: ExchangeReplica
  readonly #knowledge: PeerKnowledge
  readonly #batches: BatchQueue
  /** The frontier that is being sent, page by page. */
  #pages: { readonly heads: readonly ChainHead[]; position: number } | undefined
  #awaitsWants = false
  /** How many heads were offered in this round, less those that were asked for. */
  #askable = 0
  #owesDone = false
  /** The peer has said what it lacks, so that the rest can be told as it comes. */
  #live = false
  #dirty = true
  /** Per branch, from where on it was sent in this round. */
  readonly #served = new Map<number, number>()

  constructor(replica: ExchangeReplica, suite: CryptoSuite, knowledge: PeerKnowledge) {
    this.#replica = replica
    this.statements = new StatementFeed(replica.statements, suite)
    this.#knowledge = knowledge
    this.#batches = new BatchQueue(replica.log, knowledge)
  }

  /** The peer has not yet said what it wants of a frontier. */
  get awaits(): boolean {
    return this.#awaitsWants
  }

  /** A round is under way: the peer may not ask for another. */
  get busy(): boolean {
    return this.#awaitsWants || this.#owesDone
  }

  /** Nothing is left to send. */
  get idle(): boolean {
    if (this.#pages !== undefined || this.#owesDone || !this.#batches.empty) return false
    if (!this.#live) return true
    this.#scan()
    return this.#batches.empty && !this.statements.pending
  }

  /** Both ends have the same entries; what comes later is told. */
  goLive(): void {
    this.#live = true
    this.#dirty = true
  }

  /** These heads will be sent; the peer then asks for those it lacks. */
  offer(heads: readonly ChainHead[]): void {
    this.#pages = { heads, position: 0 }
    this.#awaitsWants = true
    this.#askable = heads.length
    this.#served.clear()
    for (const head of heads) {
      const entry = this.#replica.log.entry(head.hash)
      if (entry !== undefined) this.#knowledge.sent(entry)
    }
  }

  serve(want: Want): FaultReason | undefined {
    if (!this.#awaitsWants) return 'unexpected'
    this.#askable -= want.items.length
    if (this.#askable < 0) return 'too-large'
    for (const item of want.items) if (!this.#serveHead(item)) return 'unknown-head'
    if (want.last) {
      this.#awaitsWants = false
      this.#owesDone = true
      this.#live = true
      this.#dirty = true
    }
    return undefined
  }

  changed(): void {
    this.#dirty = true
  }

  next(): Message | undefined {
    const page = this.#nextPage()
    if (page !== undefined) return page
    const wanted = this.#batches.next()
    if (wanted !== undefined) return wanted
    if (this.#owesDone) {
      this.#owesDone = false
      return { type: 'done' }
    }
    if (!this.#live) return undefined
    this.#scan()
    return this.#batches.next() ?? this.statements.next()
  }

  #nextPage(): Message | undefined {
    const pages = this.#pages
    if (pages === undefined) return undefined
    const heads = pages.heads.slice(pages.position, pages.position + exchangeLimits.pageHeads)
    pages.position += heads.length
    const last = pages.position === pages.heads.length
    if (last) this.#pages = undefined
    return { type: 'frontier', heads, last }
  }

  #serveHead(item: WantedHead): boolean {
    const { log } = this.#replica
    const head = log.entry(item.head)
    if (head === undefined) return false
    let from = 0
    for (const hash of item.locator) {
      const entry = log.entry(hash)
      if (entry === undefined || !isSameChain(entry, head)) continue
      this.#knowledge.learn(hash)
      if (entry.seq >= from && log.observes(head, entry)) from = entry.seq + 1
    }
    if (from <= head.seq) this.#serveLine(head, from)
    return true
  }

  /** Sends the way to `head` from this place of its chain on, through all branches that it lies on. */
  #serveLine(head: LogEntry, from: number): void {
    const { log } = this.#replica
    let { branch } = head
    for (;;) {
      const served = this.#served.get(branch)
      if (served !== undefined && served <= from) return
      this.#served.set(branch, from)
      const first = this.#batches.add(branch, from)
      if (first === undefined || first.seq <= from) return
      const root = log.entry(first.prev)
      if (root === undefined) return
      branch = root.branch
    }
  }

  /** Takes up what the log has got since. Only when all else is sent, so that causes are never overtaken. */
  #scan(): void {
    if (!this.#dirty) return
    this.#dirty = false
    this.#knowledge.refresh()
    for (const head of this.#replica.log.branchHeads()) {
      const from = this.#knowledge.newFrom(head.branch)
      if (from <= head.seq) this.#batches.add(head.branch, from)
    }
  }
}

function isSameChain(left: LogEntry, right: LogEntry): boolean {
  return left.deviceId === right.deviceId && left.incarnation === right.incarnation
}
