import type { CryptoSuite } from '../crypto/suite.ts'
import { FormatError } from '../format/format-error.ts'
import { frontierHash } from '../format/statement-codec.ts'
import type { ChainHead } from '../format/statement.ts'
import type { FolderId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { Consumer } from './consumer.ts'
import { exchangeLimits } from './exchange-limits.ts'
import type { BatchVerdict, ExchangeReplica } from './exchange-replica.ts'
import type { BatchMessage, FaultReason, Hello, KnownStatements, Message } from './message.ts'
import { decodeMessage, encodeMessage } from './message-codec.ts'
import { PeerKnowledge } from './peer-knowledge.ts'
import { Provider } from './provider.ts'
import { describe, isSendersFault, malformation } from './strike.ts'
import type { ReceiveOutcome, SessionFault, Strike } from './strike.ts'

export interface ExchangeOptions {
  readonly suite: CryptoSuite
  readonly folderId: FolderId
  /** Names the peer to the replica, which limits what it keeps for each. */
  readonly peer: string
}

/**
 * One peer, one folder: brings both logs to the union of the two and tells what is new from then on. Has no timers and
 * no queue: the caller hands in what arrives and takes the next message whenever the link has room for one.
 */
export class ExchangeSession<V extends BatchVerdict = BatchVerdict> {
  readonly #replica: ExchangeReplica<V>
  readonly #options: ExchangeOptions
  readonly #knowledge: PeerKnowledge
  readonly #provider: Provider
  readonly #consumer: Consumer
  #ownHello: { readonly heads: readonly ChainHead[]; readonly hash: string } | undefined
  #peerHello: Hello | undefined
  #strikes = 0
  /** Of the message that is being taken in. */
  #struck: Strike | undefined
  #fault: SessionFault | undefined
  #owesFault = false

  constructor(replica: ExchangeReplica<V>, options: ExchangeOptions) {
    this.#replica = replica
    this.#options = options
    this.#knowledge = new PeerKnowledge(replica.log)
    this.#provider = new Provider(replica, options.suite, this.#knowledge)
    this.#consumer = new Consumer(replica, this.#knowledge)
  }

  get fault(): SessionFault | undefined {
    return this.#fault
  }

  /** Entries that the peer said it has. */
  get peerSize(): number | undefined {
    return this.#peerHello?.size
  }

  /** The peer said that it has this entry, or something after it. What was only sent to it does not count. */
  peerHas(entry: Pick<LogEntry, 'branch' | 'seq'>): boolean {
    return this.#knowledge.needsFrom(entry.branch) > entry.seq
  }

  /** An answer of the peer is due: the caller's deadline runs. */
  get waiting(): boolean {
    if (this.#fault !== undefined) return false
    if (this.#ownHello === undefined) return false
    return this.#peerHello === undefined || this.#consumer.awaits || this.#provider.awaits
  }

  /** Nothing to send and nothing due: as far as the two ends know, they have the same. */
  get idle(): boolean {
    if (this.#fault !== undefined) return !this.#owesFault
    if (this.#ownHello === undefined || this.waiting) return false
    return this.#provider.idle && this.#consumer.idle
  }

  /** The replica's log or statements have grown. */
  changed(): void {
    this.#provider.changed()
    this.#consumer.changed()
  }

  /**
   * Compares the two logs once more, as soon as a round that is under way is over. For what a session cannot notice:
   * batches that waited here and were let go, or a store that was repaired.
   */
  compareAgain(): void {
    this.#consumer.compareAgain()
  }

  /** Something that this peer sent turned out to be invalid only now. */
  charge(detail: string): SessionFault | undefined {
    this.#strike('invalid-batch', detail)
    return this.#fault
  }

  /** The next message to send, if there is one. Works on the log as it is at this moment. */
  next(_now: number): Uint8Array | undefined {
    const message = this.#nextMessage()
    return message === undefined ? undefined : encodeMessage(message)
  }

  /** Takes a message of the peer. Never throws for what the peer sent. */
  receive(bytes: Uint8Array, now: number): ReceiveOutcome<V> {
    this.#struck = undefined
    if (this.#fault !== undefined) return this.#outcome()
    let message: Message
    try {
      message = decodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      return this.#refuse(malformation(error), error.message)
    }
    if (message.type === 'batch') return this.#takeBatch(message, now)
    if (message.type === 'statement') return this.#takeStatement(message.bytes, now)
    const reason = this.#take(message)
    return reason === undefined ? this.#outcome() : this.#refuse(reason, message.type)
  }

  #nextMessage(): Message | undefined {
    if (this.#fault !== undefined) {
      if (!this.#owesFault) return undefined
      this.#owesFault = false
      return { type: 'fault', reason: this.#fault.reason }
    }
    if (this.#ownHello === undefined) return this.#hello()
    if (this.#peerHello === undefined) return undefined
    if (this.#consumer.needsRound) {
      this.#consumer.begin()
      return { type: 'ask', statements: this.#knownStatements(), frontier: true }
    }
    if (this.#consumer.takeStatementRound()) {
      return { type: 'ask', statements: this.#knownStatements(), frontier: false }
    }
    return this.#consumer.nextWant() ?? this.#provider.next()
  }

  #hello(): Message {
    const { log } = this.#replica
    const heads = log.frontier()
    const hash = frontierHash(this.#options.suite, heads)
    this.#ownHello = { heads, hash }
    this.#compare()
    const { folderId } = this.#options
    return {
      type: 'hello',
      folderId,
      frontierHash: hash,
      size: log.size,
      statements: this.#knownStatements(),
    }
  }

  #knownStatements(): KnownStatements {
    const { count, lastHash, splitEvidence } = this.#replica.statements
    return { count, lastHash, split: splitEvidence !== undefined }
  }

  /** Both ends compare the same two hellos, so they come to the same conclusion. */
  #compare(): void {
    const own = this.#ownHello
    const peer = this.#peerHello
    if (own === undefined || peer === undefined) return
    this.#provider.statements.peerHas(peer.statements)
    if (own.hash === peer.frontierHash) {
      for (const head of own.heads) this.#knowledge.learn(head.hash)
      this.#provider.goLive()
    } else {
      this.#provider.offer(own.heads)
      this.#consumer.begin()
    }
    this.#ownHello = { heads: [], hash: own.hash }
  }

  #take(message: Exclude<Message, { type: 'batch' | 'statement' }>): FaultReason | undefined {
    if (message.type === 'fault') {
      this.#fault = { by: 'peer', reason: message.reason, detail: 'the peer ended the session' }
      return undefined
    }
    if (message.type === 'hello') return this.#takeHello(message)
    if (this.#peerHello === undefined) return 'unexpected'
    switch (message.type) {
      case 'frontier':
        return this.#consumer.takeFrontier(message)
      case 'want':
        return this.#provider.serve(message)
      case 'done':
        return this.#consumer.takeDone()
      case 'ask':
        if (message.frontier && this.#provider.busy) return 'unexpected'
        this.#provider.statements.peerHas(message.statements)
        if (message.frontier) this.#provider.offer(this.#replica.log.frontier())
        return undefined
    }
  }

  #takeHello(hello: Hello): FaultReason | undefined {
    if (this.#peerHello !== undefined) return 'unexpected'
    if (hello.folderId !== this.#options.folderId) return 'foreign-folder'
    this.#peerHello = hello
    this.#compare()
    return undefined
  }

  #takeBatch(message: BatchMessage, now: number): ReceiveOutcome<V> {
    if (this.#peerHello === undefined) return this.#refuse('unexpected', message.type)
    if (this.#replica.log.entry(message.head) !== undefined) {
      this.#knowledge.learn(message.head)
      return this.#outcome()
    }
    const received = this.#replica.receive(message.bytes, this.#options.peer, now)
    const changed = received.accepted.length > 0
    if (changed) {
      this.#consumer.fruitful()
      this.changed()
    }
    this.#consumer.lacks(received.missing)
    for (const refusal of received.refusedLater ?? []) {
      if (refusal.source === this.#options.peer) this.#strike('invalid-batch', describe(refusal))
    }
    if (received.refused !== undefined) this.#strike('invalid-batch', describe(received.refused))
    else this.#knowledge.learn(message.head)
    return { ...this.#outcome(), received, changed }
  }

  #takeStatement(bytes: Uint8Array, now: number): ReceiveOutcome<V> {
    if (this.#peerHello === undefined) return this.#refuse('unexpected', 'statement')
    const { statements } = this.#replica
    const evidence = statements.splitEvidence
    const { outcome } = this.#replica.receiveStatement(bytes, this.#options.peer, now)
    if (outcome === 'waiting' || outcome === 'gap') this.#consumer.lacksStatements()
    if (isSendersFault(outcome)) return this.#refuse('invalid-statement', outcome)
    if (outcome === 'accepted') this.#provider.statements.peerSent(statements.count)
    else if (statements.splitEvidence === evidence) return this.#outcome()
    return { ...this.#outcome(), changed: true }
  }

  #refuse(reason: FaultReason, detail: string): ReceiveOutcome<V> {
    this.#strike(reason, detail)
    return this.#outcome()
  }

  #strike(reason: FaultReason, detail: string): void {
    this.#struck = { reason, detail }
    this.#strikes++
    const final =
      reason === 'version' || reason === 'foreign-folder' || this.#strikes >= exchangeLimits.strikes
    if (!final || this.#fault !== undefined) return
    this.#fault = { by: 'us', reason, detail }
    this.#owesFault = true
  }

  #outcome(): ReceiveOutcome<V> {
    return { received: undefined, changed: false, strike: this.#struck, fault: this.#fault }
  }
}
