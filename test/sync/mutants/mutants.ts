/** A seeded bug: one place in the source that reads otherwise, and the suite that must notice. */
export interface Mutant {
  readonly name: string
  /** Below `src/sync`. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly text: string
  readonly replacement: string
  /** Paths in the repository; the fewer and quicker the better. */
  readonly suite: string
  /** Only tests with this in their names. */
  readonly tests?: string
}

const replicaSuite = (name: string): string => `src/sync/replica/${name}.test.ts`

const format: Mutant[] = [
  {
    name: 'takes heads that are longer than needed',
    file: 'format/byte-reader.ts',
    text: `if (argument < least) throw new FormatError('non-canonical', 'a longer head than needed')`,
    replacement: '',
    suite: 'test/sync/byzantine-bytes.test.ts',
  },
  {
    name: 'takes values in other bytes than their one encoding',
    file: 'format/cbor.ts',
    text: `if (!sameBytes(given, encoded)) throw`,
    replacement: `if (given.length > 1e9) throw`,
    suite: 'test/sync/byzantine-bytes.test.ts',
  },
  {
    name: 'ends a batch before its bytes end',
    file: 'format/batch-codec.ts',
    text: `  reader.end()
  const batch = {`,
    replacement: `  const batch = {`,
    suite: 'test/sync/byzantine-bytes.test.ts',
  },
  {
    name: 'believes the hash of a body',
    file: 'format/entry-item.ts',
    text: `if (toHex(suite.hash(body)) !== meta.bodyHash)`,
    replacement: `if (meta.bodyHash === '')`,
    suite: 'test/sync/byzantine-bytes.test.ts',
  },
  {
    name: 'takes names that step up',
    file: 'format/rules.ts',
    text: ` || name === '..'`,
    replacement: '',
    suite: 'test/sync/byzantine-tree.test.ts',
  },
  {
    name: 'opens a body that is committed to another secret',
    file: 'format/sealing.ts',
    text: `if (!sameBytes(commitment, body.subarray(saltLength, saltLength + hashLength))) return 'sealed'`,
    replacement: 'void commitment',
    suite: 'src/sync/format/sealing.test.ts',
  },
]

const log: Mutant[] = [
  {
    name: 'verifies no signature of a batch',
    file: 'log/intake.ts',
    text: `if (!own && !verifyBatch(this.#suite, batch)) {`,
    replacement: `if (!own && batch.signature.length === 0 && verifyBatch(this.#suite, batch)) {`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'belong elsewhere',
  },
  {
    name: 'forgets the parents of an entry',
    file: 'log/dag.ts',
    text: `prev === undefined ? [...parents] : [prev, ...parents]`,
    replacement: `prev === undefined ? [...parents] : [prev]`,
    suite: replicaSuite('members'),
  },
  {
    name: 'asks nobody for a role',
    file: 'log/validity.ts',
    text: `return ['role', `,
    replacement: `return ['role', ''].length > 0 ? undefined : ['role', `,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'rights that nobody gave',
  },
  {
    name: 'ignores revocations when an epoch is used',
    file: 'log/epochs.ts',
    text: `if (observes(view, revoke) && !observes(founding, revoke)) return false`,
    replacement: 'void revoke',
    suite: replicaSuite('members'),
  },
  {
    name: 'lets a rekey leave members out',
    file: 'log/validity.ts',
    text: `return sameDevices(readers, wraps) ? undefined :`,
    replacement: `return readers.length > 0 ? undefined :`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'rekey',
  },
  {
    name: 'takes clocks that are not above what they follow',
    file: 'log/validity.ts',
    text: `if (compareHlc(entry.hlc, parent.hlc) <= 0)`,
    replacement: `if (compareHlc(entry.hlc, parent.hlc) < -1e15)`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'something wrong',
  },
  {
    name: 'holds no clock back',
    file: 'log/intake.ts',
    text: `last.hlc.ms <= now + clockAheadMs`,
    replacement: `last.hlc.ms <= now + clockAheadMs * 1e9`,
    suite: replicaSuite('own-chain'),
    tests: 'a clock that is wrong',
  },
  {
    name: 'lets one sender have any number of batches waiting',
    file: 'log/waiting.ts',
    text: `while (shelf.entries > sourceEntries ||`,
    replacement: `while (shelf.entries > sourceEntries * 10 ||`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'I13',
  },
  {
    name: 'lets a device with two histories write on',
    file: 'log/membership.ts',
    text: `this.#isForked(device, view) ? 'read' : role`,
    replacement: `this.#isForked(device, view) ? role : role`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'branches',
  },
  {
    name: 'lets a revoked admin grant on',
    file: 'log/membership.ts',
    text: `return this.#granted(device, view, this.#void.in(view))`,
    replacement: `return this.#granted(device, view, new Set())`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'acts as if',
  },
  {
    name: 'lets those grant on whom a revoked admin made admins',
    file: 'log/void-grants.ts',
    text: `this.#isRevokedApart(entry, view) || this.#roleBefore(entry, found) !== 'admin'`,
    replacement: `this.#isRevokedApart(entry, view)`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'mates',
  },
  {
    name: 'keeps what a refused batch had already changed',
    file: 'log/admission.ts',
    text: `    if (refusal !== undefined) {
      this.#takeBack(added)
      return refusal
    }
    try {`,
    replacement: `    if (refusal !== undefined) return refusal
    try {`,
    suite: 'test/sync/byzantine-log.test.ts',
    tests: 'in one batch',
  },
]

const tree: Mutant[] = [
  {
    name: 'makes cycles',
    file: 'tree/tree.ts',
    text: `(node.kind === 'directory' && isWithin(parent, node))`,
    replacement: `(node.kind === 'directory' && parent === node)`,
    suite: 'test/sync/byzantine-tree.test.ts',
    tests: 'cycles',
  },
  {
    name: 'replaces versions that nobody has seen',
    file: 'tree/heads.ts',
    text: `return this.#observes(entry, base) ? position : none`,
    replacement: `return this.#observes(base, base) ? position : none`,
    suite: 'test/sync/byzantine-tree.test.ts',
    tests: 'never saw',
  },
  {
    name: 'forgets that a version replaces another',
    file: 'tree/heads.ts',
    text: `superseded[base] = before + 1
      if (before === 0) this.#headChange(base, -1)`,
    replacement: `superseded[base] = before`,
    suite: replicaSuite('own-chain'),
    tests: 'jumps back',
  },
  {
    name: 'takes a trash as hiding everything',
    file: 'tree/visibility.ts',
    text: `if (this.#observes(entry, touched) && this.#holds(entry, node)) return true`,
    replacement: `if (this.#observes(entry, entry)) return true`,
    suite: 'test/sync/byzantine-tree.test.ts',
    tests: 'never saw',
  },
  {
    name: 'rewinds without undoing',
    file: 'tree/tree.ts',
    text: `for (let position = this.length - 1; position >= length; position--) this.#undo(position)`,
    replacement: '',
    suite: 'test/sync/tree-convergence.test.ts',
  },
]

const order: Mutant[] = [
  {
    name: 'compares clocks only',
    file: 'replica/timeline.ts',
    text: `compareHlc(left.hlc, right.hlc) ||
    compareIds(left.deviceId, right.deviceId) ||`,
    replacement: `compareHlc(left.hlc, right.hlc) ||`,
    suite: replicaSuite('timeline'),
  },
  {
    name: 'puts late entries at the end',
    file: 'replica/timeline.ts',
    text: `const from = this.#tipPosition(first)`,
    replacement: `const from = this.#entries.length + 0 * this.#tipPosition(first)`,
    suite: replicaSuite('timeline'),
  },
  {
    name: 'leaves the order as it was when statements are taken back',
    file: 'replica/timeline.ts',
    text: `this.#entries.splice(from).sort(compareEntries)`,
    replacement: `this.#entries.splice(from)`,
    suite: replicaSuite('timeline'),
  },
  {
    name: 'fences nothing by its clock',
    file: 'replica/fence.ts',
    text: `entry.hlc.ms > revoke.entry.hlc.ms + revocationGraceMs ||`,
    replacement: '',
    suite: replicaSuite('fence'),
  },
  {
    name: 'fences nothing by what was published',
    file: 'replica/fence.ts',
    text: `this.#timeline.statementAt(revoke.position) < this.#timeline.statementAt(position)`,
    replacement: `this.#timeline.statementAt(revoke.position) < 0`,
    suite: replicaSuite('fence'),
  },
  {
    name: 'takes a statement whose roots are others',
    file: 'replica/final-order.ts',
    text: `return logRoot === statement.logRoot && (`,
    replacement: `return logRoot !== '' || (`,
    suite: replicaSuite('final-order'),
    tests: 'not right',
  },
  {
    name: 'goes on being final after a split',
    file: 'replica/final-order.ts',
    text: `this.#parts.changed(this.#parts.timeline.uncover(index))`,
    replacement: 'void this.#parts',
    suite: replicaSuite('final-order'),
    tests: 'two histories',
  },
]

const proof: Mutant[] = [
  {
    name: 'hashes leaves and inner nodes alike',
    file: 'proof/merkle-hash.ts',
    text: `const pairByte = 1`,
    replacement: `const pairByte = 0`,
    suite: 'src/sync/proof/merkle-log.test.ts',
  },
  {
    name: 'forgets the heads in the leaf',
    file: 'proof/map-path.ts',
    text: `encodeCbor([leaf.heads.map(fromHex), leaf.count,`,
    replacement: `encodeCbor([[], leaf.count,`,
    suite: 'test/sync/proof-vectors.test.ts',
  },
  {
    name: 'chains versions without the one before',
    file: 'proof/version-chain.ts',
    text: `    input.set(value, hashLength)
    value = suite.hash(input)`,
    replacement: `    value = suite.hash(input)`,
    suite: 'src/sync/proof/map-leaves.test.ts',
  },
  {
    name: 'believes that history only grew',
    file: 'proof/verify-history.ts',
    text: `return verifyConsistency(suite, claim) ? undefined : 'not-grown'`,
    replacement: `return verifyConsistency(suite, claim) ? undefined : undefined`,
    suite: 'src/sync/proof/verify-history.test.ts',
  },
  {
    name: 'believes a statement that nobody signed',
    file: 'proof/verify-history.ts',
    text: `return verifyStatement(suite, signed) ? undefined : 'signature'`,
    replacement: `return verifyStatement(suite, signed) ? undefined : undefined`,
    suite: 'src/sync/proof/verify-history.test.ts',
  },
]

const exchange: Mutant[] = [
  {
    name: 'is off by one in what the peer has',
    file: 'exchange/provider.ts',
    text: `from = entry.seq + 1`,
    replacement: `from = entry.seq + 2`,
    suite: 'src/sync/exchange/exchange-session.test.ts',
  },
  {
    name: 'never ends a session',
    file: 'exchange/exchange-session.ts',
    text: `this.#strikes >= exchangeLimits.strikes`,
    replacement: `this.#strikes >= exchangeLimits.strikes * 1_000`,
    suite: 'test/sync/byzantine-exchange.test.ts',
    tests: 'three strikes',
  },
  {
    name: 'tells only the last statement after a split',
    file: 'exchange/statement-feed.ts',
    text: `return same ? count : 0`,
    replacement: `return same ? count : count - 1`,
    suite: 'test/sync/byzantine-exchange.test.ts',
    tests: 'split view',
  },
]

const replica: Mutant[] = [
  {
    name: 'forgets to commit what it wrote',
    file: 'replica/replica.ts',
    text: `      throw error
    }
    store.commit()`,
    replacement: `      throw error
    }`,
    suite: replicaSuite('own-chain'),
    tests: 'durable',
  },
  {
    name: 'goes on with a chain of which others know more',
    file: 'replica/replica.ts',
    text: `if (acceptance.accepted.some(({ entry }) => this.#isOwnChain(entry))) this.#leaveChain()`,
    replacement: '',
    suite: replicaSuite('own-chain'),
    tests: 'rollback',
  },
  {
    name: 'leaves the tree as it was when keys come late',
    file: 'replica/folder-state.ts',
    text: `this.fold.changed(0)`,
    replacement: 'void openedLate',
    suite: replicaSuite('founding'),
    tests: 'joining',
  },
  {
    name: 'believes what a rekey says it holds',
    file: 'replica/keyring.ts',
    text: `    if (previous === undefined) {
      this.#badWraps.add(rekey.epoch)
      return []
    }
    const earlier = this.#earlier.get(rekey.epoch) ?? new Set()
    this.#earlier.set(rekey.epoch, earlier)`,
    replacement: `    const earlier = this.#earlier.get(rekey.epoch) ?? new Set(rekey.previous)
    this.#earlier.set(rekey.epoch, earlier)
    if (previous === undefined) return []`,
    suite: replicaSuite('members'),
    tests: 'believed',
  },
  {
    name: 'says it may write although some cannot read it',
    file: 'replica/epochs.ts',
    text: `if (!reached.has(epoch)) return undefined`,
    replacement: `if (!reached.has(epoch)) continue`,
    suite: replicaSuite('members'),
    tests: 'beside rekeys',
  },
]

export const mutants: readonly Mutant[] = [
  ...format,
  ...log,
  ...tree,
  ...order,
  ...proof,
  ...exchange,
  ...replica,
]
