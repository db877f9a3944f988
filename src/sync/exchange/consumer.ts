import type { ChainHead } from '../format/statement.ts'
import { compareHeads } from '../format/statement-codec.ts'
import { limits } from '../format/limits.ts'
import type { EntryHash } from '../ids.ts'
import { exchangeLimits } from './exchange-limits.ts'
import type { ExchangeReplica } from './exchange-replica.ts'
import { Locators } from './locator.ts'
import type { FaultReason, Frontier, Want, WantedHead } from './message.ts'
import type { PeerKnowledge } from './peer-knowledge.ts'

/** Hashes of lacking entries that are kept in mind; more need not be, because one round fetches them all. */
const rememberedMissing = 256
const longestPause = 1_024

type Phase = 'rest' | 'frontier' | 'wants' | 'batches'

/**
 * The half of a session that takes: from the peer's frontier it finds what is lacking here and asks for it. If entries
 * come whose causes are not here, it asks for another round; rounds that bring nothing become rarer.
 */
export class Consumer {
  readonly #replica: ExchangeReplica
  readonly #knowledge: PeerKnowledge
  #phase: Phase = 'rest'
  #lacking: ChainHead[] = []
  #locators: Locators | undefined
  /** The peer named more heads that are lacking here than are kept in mind: the next round goes on behind the last. */
  #isCut = false
  #lastKept: ChainHead | undefined
  #askedUpTo: ChainHead | undefined
  /** Whether one of the rounds that went on like this brought something. */
  #anyFruit = false
  #lastHead: ChainHead | undefined
  readonly #missing = new Set<EntryHash>()
  /** A statement came that could not be taken yet. */
  #lacksStatements = false
  #owesStatementRound = false
  #wantsRound = false
  /** Whether this round brought something, and after how many disappointments the next one may begin. */
  #fruitful = true
  #pause = 0
  #pauseLeft = 0

  constructor(replica: ExchangeReplica, knowledge: PeerKnowledge) {
    this.#replica = replica
    this.#knowledge = knowledge
  }

  /** An answer of the peer is due. */
  get awaits(): boolean {
    return this.#phase === 'frontier' || this.#phase === 'batches'
  }

  get idle(): boolean {
    return this.#phase === 'rest' && !this.needsRound && !this.#owesStatementRound
  }

  /** Something is lacking that a new round would bring. */
  get needsRound(): boolean {
    if (this.#phase !== 'rest') return false
    if (this.#wantsRound) return true
    if (this.#pauseLeft > 0) return false
    for (const hash of this.#missing) {
      if (this.#replica.log.entry(hash) === undefined) return true
      this.#missing.delete(hash)
    }
    return false
  }

  /** The peer will send its frontier. */
  begin(): void {
    this.#phase = 'frontier'
    this.#isCut = false
    this.#lastHead = undefined
    this.#lacking = []
    this.#fruitful = false
    this.#missing.clear()
    this.#wantsRound = false
    this.#lacksStatements = false
    this.#owesStatementRound = false
  }

  /** The next round begins as soon as this one is over. */
  compareAgain(): void {
    this.#wantsRound = true
  }

  /** More is known here than before, so that a statement which waited may be taken now. */
  changed(): void {
    if (!this.#lacksStatements) return
    this.#lacksStatements = false
    this.#owesStatementRound = true
  }

  /** Whether to ask for statements once more; says so once. */
  takeStatementRound(): boolean {
    const due = this.#owesStatementRound && this.#phase === 'rest'
    if (due) this.#owesStatementRound = false
    return due
  }

  takeFrontier(page: Frontier): FaultReason | undefined {
    if (this.#phase !== 'frontier') return 'unexpected'
    for (const head of page.heads) {
      if (this.#lastHead !== undefined && compareHeads(this.#lastHead, head) >= 0) return 'malformed'
      this.#lastHead = head
      this.#knowledge.learn(head.hash)
      if (this.#replica.log.entry(head.hash) !== undefined) continue
      this.#keep(head)
    }
    if (page.last) this.#phase = 'wants'
    return undefined
  }

  #keep(head: ChainHead): void {
    if (this.#isCut || (this.#askedUpTo !== undefined && compareHeads(head, this.#askedUpTo) <= 0)) return
    if (this.#lacking.length === limits.frontier) this.#isCut = true
    else {
      this.#lacking.push(head)
      this.#lastKept = head
    }
  }

  /** The heads to ask for now: a full message of them, or the rest when the frontier is complete. */
  nextWant(): Want | undefined {
    const complete = this.#phase === 'wants'
    const full = this.#phase === 'frontier' && this.#lacking.length >= exchangeLimits.wants
    if (!complete && !full) return undefined
    const items: WantedHead[] = []
    while (items.length < exchangeLimits.wants) {
      const head = this.#lacking.pop()
      if (head === undefined) break
      // Another peer may have brought it meanwhile.
      if (this.#replica.log.entry(head.hash) !== undefined) continue
      this.#locators ??= new Locators(this.#replica.log)
      items.push({ head: head.hash, locator: this.#locators.of(head) })
    }
    const last = complete && this.#lacking.length === 0
    if (!last && items.length === 0) return undefined
    if (last) {
      this.#phase = 'batches'
      this.#locators = undefined
    }
    return { type: 'want', items, last }
  }

  takeDone(): FaultReason | undefined {
    if (this.#phase !== 'batches') return 'unexpected'
    this.#phase = 'rest'
    this.#pause = this.#fruitful ? 0 : Math.min(longestPause, this.#pause * 2 + 1)
    this.#pauseLeft = this.#pause
    this.#goOn()
    return undefined
  }

  #goOn(): void {
    if (!this.#isCut && this.#askedUpTo === undefined) return
    this.#anyFruit ||= this.#fruitful
    // What came first may have waited for what came last, and was let go: from the front once more.
    if (this.#isCut || this.#anyFruit) this.#wantsRound = true
    this.#askedUpTo = this.#isCut ? this.#lastKept : undefined
    if (!this.#isCut) this.#anyFruit = false
  }

  /** A batch or a statement was taken in. */
  fruitful(): void {
    this.#fruitful = true
  }

  /** A batch waits for these. */
  lacks(missing: readonly EntryHash[]): void {
    if (missing.length === 0) return
    for (const hash of missing) if (this.#missing.size < rememberedMissing) this.#missing.add(hash)
    if (this.#phase === 'rest' && this.#pauseLeft > 0) this.#pauseLeft--
  }

  /** A statement waits for entries, or for other statements. */
  lacksStatements(): void {
    this.#lacksStatements = true
  }
}
