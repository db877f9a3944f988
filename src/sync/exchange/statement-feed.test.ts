import { beforeEach, describe, expect, test } from 'vitest'
import { fakeSuite } from '../../../test/sync/support/fake-suite.ts'
import { LogPeer, noon } from '../../../test/sync/support/log-peer.ts'
import { bareReplica, countMessages, SessionLink } from '../../../test/sync/support/session-link.ts'
import {
  decodeAuthorityStatement,
  encodeAuthorityStatement,
  encodeStatement,
  statementHash,
} from '../format/statement-codec.ts'
import type { AuthorityStatement } from '../format/statement.ts'
import { noHash } from '../ids.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { ExchangeReplica, StatementVerdict } from './exchange-replica.ts'

function hashOf({ signed }: AuthorityStatement): string {
  return statementHash(fakeSuite, signed.bytes)
}

/** Statements as a replica keeps them: in a row, none before its entries are there. Signatures are not looked at. */
class StatementReplica implements ExchangeReplica<Acceptance> {
  readonly list: AuthorityStatement[] = []
  splitEvidence: AuthorityStatement[] | undefined
  readonly #peer: LogPeer

  constructor(peer: LogPeer) {
    this.#peer = peer
  }

  get log(): ExchangeReplica['log'] {
    return this.#peer.log
  }

  get statements(): ExchangeReplica['statements'] {
    return this as unknown as ExchangeReplica['statements']
  }

  get count(): number {
    return this.list.length
  }

  get lastHash(): string {
    const last = this.list.at(-1)
    return last === undefined ? noHash : hashOf(last)
  }

  from(index: number): AuthorityStatement[] {
    return [...this.list.slice(index), ...(this.splitEvidence ?? [])]
  }

  receive(bytes: Uint8Array, source: string, now: number): Acceptance {
    return bareReplica(this.#peer).receive(bytes, source, now)
  }

  receiveStatement(bytes: Uint8Array): StatementVerdict {
    const added = decodeAuthorityStatement(bytes)
    const { index, size } = added.signed.statement
    const known = this.list[index]
    if (known !== undefined && hashOf(known) !== hashOf(added)) {
      this.splitEvidence = [known, added]
      this.list.length = index
    }
    if (this.splitEvidence !== undefined) return { outcome: 'split' }
    if (known !== undefined) return { outcome: 'known' }
    if (index > this.count) return { outcome: 'gap' }
    if (size > this.log.size) return { outcome: 'waiting' }
    this.list.push(added)
    return { outcome: 'accepted' }
  }

  publish(mark = '0'): AuthorityStatement {
    const statement = {
      folderId: this.#peer.log.folderId!,
      issuer: this.#peer.id,
      index: this.count,
      size: this.log.size,
      logRoot: mark.repeat(64),
      mapRoot: noHash,
      frontierHash: noHash,
      hlc: this.#peer.tick(),
      previous: this.lastHash,
    }
    const signed = {
      statement,
      bytes: encodeStatement(statement),
      publicKey: this.#peer.record.signingKey,
      signature: new Uint8Array(64),
    }
    const added = { signed, changedHeads: [] }
    this.list.push(added)
    return added
  }
}

let anna: LogPeer
let ben: LogPeer
let left: StatementReplica
let right: StatementReplica

function connect(): SessionLink {
  return new SessionLink(left, right, anna.log.folderId!)
}

beforeEach(() => {
  anna = new LogPeer(1)
  ben = new LogPeer(2)
  anna.found()
  ben.join(anna)
  left = new StatementReplica(anna)
  right = new StatementReplica(ben)
})

describe('statements of the authority', () => {
  test('go to whoever lacks them, from the first lacking one on, after the entries they cover', () => {
    left.publish()
    connect().run(noon)
    expect(right.count).toBe(1)
    for (let index = 0; index < 3; index++) {
      anna.write(anna.operation('x'))
      left.publish()
    }
    const link = connect().run(noon)
    expect(right.list.map(hashOf)).toEqual(left.list.map(hashOf))
    expect(countMessages(link.left)).toMatchObject({ batch: 3, statement: 3, done: 1 })
    expect(countMessages(link.right)['statement']).toBeUndefined()
    expect(link.idle).toBe(true)
    const types = link.left.sent.map(({ type }) => type)
    expect(types.lastIndexOf('batch')).toBeLessThan(types.indexOf('statement'))
  })

  test('are told as they come, once, and do not come back', () => {
    const link = connect().run(noon)
    left.publish()
    left.publish()
    expect(link.idle).toBe(false)
    link.changed().run(noon)
    expect(right.count).toBe(2)
    expect(countMessages(link.left)).toEqual({ hello: 1, statement: 2 })
    expect(countMessages(link.right)).toEqual({ hello: 1 })
  })

  test('that came before their entries are asked for again when there is more, and not before', () => {
    const link = connect().run(noon)
    const bytes = anna.write(anna.operation('elsewhere'))
    left.publish()
    left.publish()
    // The batch is lost on the way, the statements are not.
    link.left.session.changed()
    link.left.session.next(noon)
    link.run(noon)
    expect(right.count).toBe(0)
    expect(link.idle).toBe(true)
    ben.receive(bytes)
    link.right.session.changed()
    expect(link.idle).toBe(false)
    link.run(noon)
    expect(right.count).toBe(2)
    expect(link.idle).toBe(true)
  })

  test('two histories of one authority: each side learns of it, and proves it to the next', () => {
    left.publish()
    connect().run(noon)
    const mine = left.publish('a')
    right.publish('b')
    right.publish('c')
    const link = connect().run(noon)
    expect(left.splitEvidence).toBeDefined()
    expect(right.splitEvidence).toBeDefined()
    expect(link.idle).toBe(true)
    expect(link.left.session.fault).toBeUndefined()
    // A third one that knows only one of the two.
    const cleo = new LogPeer(3)
    cleo.join(anna)
    const third = new StatementReplica(cleo)
    third.list.push(left.list[0]!, mine)
    const other = new SessionLink(left, third, anna.log.folderId!).run(noon)
    expect(third.splitEvidence).toBeDefined()
    expect(other.idle).toBe(true)
  })

  test('two histories of one length: one session finds where they part', () => {
    left.publish()
    left.publish()
    connect().run(noon)
    for (const mark of ['a', 'b', 'c']) left.publish(mark)
    for (const mark of ['d', 'e', 'f']) right.publish(mark)
    const link = connect().run(noon)
    for (const replica of [left, right]) {
      expect(replica.count).toBe(2)
      expect(replica.splitEvidence!.map(({ signed }) => signed.statement.index)).toEqual([2, 2])
    }
    expect(link.idle).toBe(true)
    expect([link.left.session.fault, link.right.session.fault]).toEqual([undefined, undefined])
    // Then there is nothing more to say.
    const again = connect().run(noon)
    expect(countMessages(again.left)).toEqual({ hello: 1 })
  })

  test('two histories that part at several places: both sides learn of the first', () => {
    for (let index = 0; index < 3; index++) left.publish()
    connect().run(noon)
    const other = (index: number, mark: string): Uint8Array => {
      const history = new StatementReplica(anna)
      history.list.push(...left.list.slice(0, index))
      return encodeAuthorityStatement(history.publish(mark))
    }
    right.receiveStatement(other(2, 'a'))
    left.receiveStatement(other(1, 'b'))
    expect([left.count, right.count]).toEqual([1, 2])
    expect(connect().run(noon).idle).toBe(true)
    for (const replica of [left, right]) {
      expect(replica.count).toBe(1)
      expect(replica.splitEvidence!.map(({ signed }) => signed.statement.index)).toEqual([1, 1])
    }
    expect(countMessages(connect().run(noon).left)).toEqual({ hello: 1 })
  })

  test('wrong ones are charged, wrong roots are not: a relay without keys cannot see them', () => {
    const link = connect().run(noon)
    let outcome: StatementVerdict['outcome'] = 'refused-roots'
    right.receiveStatement = () => ({ outcome })
    left.publish()
    link.left.session.changed()
    const bytes = link.left.session.next(noon)!
    expect(link.right.session.receive(bytes, noon).strike).toBeUndefined()
    outcome = 'refused-signature'
    expect(link.right.session.receive(bytes, noon).strike).toMatchObject({ reason: 'invalid-statement' })
  })
})
