import { expect, test } from 'vitest'
import { EvilDevice } from '../../../test/sync/support/evil-device.ts'
import { ReplicaDevice, digests, statementsOf } from '../../../test/sync/support/replica-device.ts'
import { content } from '../../../test/sync/support/tree-devices.ts'
import { folderScope, sealPreviousKeys, wrapEpochKey } from '../crypto/epoch-keys.ts'
import { decodeSignedStatement, encodeSignedStatement } from '../format/statement-codec.ts'
import { rootNode } from '../ids.ts'
import { verifyHistory } from '../proof/verify-history.ts'

/** A writer seals an epoch's key for `served` only, and writes a file under it. */
function withholding(served: (readers: ReplicaDevice[]) => ReplicaDevice[]) {
  const server = new ReplicaDevice()
  const anna = new ReplicaDevice().found('server_authoritative', server)
  server.open(anna.replica.folderId)
  const ben = new ReplicaDevice()
  anna.admit(ben, 'write')
  anna.put('a', 1)
  ben.hear(anna)
  server.hear(anna)
  const evil = new EvilDevice(ben)
  const key = new Uint8Array(32).fill(7)
  const everybody = [server, anna, ben]
  const right = new Set(served(everybody).map(({ id }) => id))
  const scope = folderScope(anna.replica.folderId)
  const wraps = new Map(
    everybody.map(({ id, keys }) => [
      id,
      right.has(id)
        ? wrapEpochKey(ben.suite, evil.random, key, scope, keys.record)
        : new Uint8Array(80).fill(3),
    ]),
  )
  const put = {
    type: 'put' as const,
    node: 'ab'.repeat(16),
    parent: rootNode,
    name: 'x',
    content: content(5),
    bases: [],
  }
  const bytes = evil.batch([evil.rekey({ key, wraps }), evil.operation(put, key)])
  for (const device of [server, anna]) expect(device.receive(bytes).accepted).toHaveLength(2)
  return { server, anna, ben, publish: () => publish(server, anna) }
}

function publish(server: ReplicaDevice, ...hearers: ReplicaDevice[]): void {
  server.replica.publish(server.tick())
  const last = statementsOf(server).at(-1)
  for (const hearer of hearers) {
    const { outcome } = hearer.replica.receiveStatement(last!, 'server', hearer.now)
    expect(outcome).toBe('accepted')
  }
}

test('a writer who seals for nobody does not stop the final order, proofs and snapshots', () => {
  const { server, anna, publish } = withholding(() => [])
  publish()
  const [epoch] = server.replica.statements.unread
  expect(epoch).toMatch(/^[0-9a-f]{32}$/)
  expect(anna.replica.statements.unread).toEqual([epoch])
  expect(anna.shown()).toEqual(['a 1'])
  expect(digests(server, anna)).toHaveLength(1)
  expect(anna.replica.digest().mapRoot).toBeDefined()
  const { nodes } = anna.replica.view.at(['a'])!
  for (const isOwn of [false, true]) {
    const proof = anna.replica.proveHistory({ nodes, isOwn }, anna.tick())
    const { folderId } = anna.replica
    const proved = verifyHistory(anna.suite, proof, { folderId, devices: [anna.id, server.id] })
    if (proved.refused !== undefined) throw new Error(proved.refused)
    expect(proved.statement.unread).toEqual([epoch])
  }
  expect(anna.replica.snapshot(anna.tick()).pages.length).toBeGreaterThan(0)
})

test('what the authority cannot read does nothing for those who can, until one of them shares the key', () => {
  const { server, anna, publish } = withholding((all) => all.slice(1))
  expect(anna.shown()).toEqual(['a 1', 'x 5'])
  publish()
  expect(anna.shown()).toEqual(['a 1'])
  expect(digests(server, anna)).toHaveLength(1)
  expect(anna.replica.shareKeys(anna.tick())).toHaveLength(1)
  expect(anna.replica.shareKeys(anna.tick())).toEqual([])
  server.hear(anna)
  expect(server.replica.closed).toBe(0)
  publish()
  expect(server.replica.statements.unread).toEqual([])
  for (const device of [server, anna]) expect(device.shown()).toEqual(['a 1', 'x 5'])
  expect(digests(server, anna)).toHaveLength(1)
})

test('a key that the authority would have if it had been given another is shared too, and once', () => {
  const { server, anna, ben, publish } = withholding((all) => all.slice(1))
  ben.hear(anna)
  const evil = new EvilDevice(ben)
  const key = new Uint8Array(32).fill(8)
  const sealed = sealPreviousKeys(ben.suite, anna.replica.folderId, key, [new Uint8Array(32).fill(7)])
  const wraps = new Map([[server.id, new Uint8Array(80).fill(3)]])
  const bytes = evil.batch([evil.rekey({ key, wraps, ...sealed })])
  for (const device of [server, anna]) device.receive(bytes)
  publish()
  expect(anna.replica.shareKeys(anna.tick())).toHaveLength(1)
  expect(anna.replica.shareKeys(anna.tick())).toEqual([])
  server.hear(anna)
  publish()
  expect(server.replica.statements.unread).toEqual([])
  expect(anna.replica.shareKeys(anna.tick())).toEqual([])
  expect(digests(server, anna)).toHaveLength(1)
})

test('statements with and without unread epochs count again after a restart, and at who comes later', () => {
  const { server, anna, publish } = withholding((all) => all.slice(1))
  publish()
  anna.replica.shareKeys(anna.tick())
  server.hear(anna)
  publish()
  const before = digests(anna)
  anna.replica.commit()
  anna.crash().open()
  expect(digests(anna)).toEqual(before)
  const cleo = new ReplicaDevice()
  anna.admit(cleo, 'read')
  cleo.hear(anna)
  expect(cleo.replica.statements.count).toBe(2)
  expect(digests(anna, cleo)).toHaveLength(1)
})

test('the list of unread epochs is part of what is signed, sorted and never empty', () => {
  const { server, publish } = withholding(() => [])
  publish()
  const { signed } = server.replica.statements.last!
  expect(decodeSignedStatement(encodeSignedStatement(signed)).statement.unread).toHaveLength(1)
})

test('an authority that is revoked does not make new files vanish: its word ends with its role', () => {
  const { server, anna, publish } = withholding((all) => all.slice(1))
  publish()
  expect(anna.shown()).toEqual(['a 1'])
  anna.replica.revoke(server.id, anna.tick())
  expect(anna.shown()).toEqual(['a 1', 'x 5'])
  anna.put('b', 2)
  server.hear(anna)
  expect(() => server.replica.publish(server.tick())).toThrow(/revoked/)
  expect(anna.shown()).toEqual(['a 1', 'b 2', 'x 5'])
})

test('a revoked authority cannot name the epoch that shuts it out', () => {
  const { server, anna, publish } = withholding(() => [])
  publish()
  const told = server.replica.statements.last!.signed.statement
  anna.replica.revoke(server.id, anna.tick())
  anna.put('b', 2)
  const epochs = anna.replica.log.membership.epochs(anna.replica.log.heads())
  const evil = new EvilDevice(server)
  const unread = [epochs.at(-1)!]
  const hlc = { ms: told.hlc.ms + 1, counter: 0 }
  const previous = server.replica.statements.lastHash
  const bytes = evil.statement({ ...told, index: told.index + 1, previous, hlc, unread }, [])
  expect(anna.replica.receiveStatement(bytes, 'server', anna.now).outcome).toBe('refused-unread')
})

test('a statement in the store that was damaged is named', () => {
  const anna = new ReplicaDevice().found('peer')
  anna.store.append('statement', new Uint8Array([0xa0]))
  anna.replica.commit()
  expect(() => anna.crash().open()).not.toThrow()
  const server = new ReplicaDevice().found('server_authoritative')
  server.store.append('statement', new Uint8Array([0xa0]))
  server.replica.commit()
  expect(() => server.crash().open()).toThrow(/record 1 of the log is no statement/)
})
