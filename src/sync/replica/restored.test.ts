import { describe, expect, test } from 'vitest'
import { meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { encodeStatement, statementHash } from '../format/statement-codec.ts'
import type { SignedStatement } from '../format/statement.ts'
import { verifyHistory } from '../proof/verify-history.ts'

const unconfirmed = expect.objectContaining({ code: 'SYNC_AUTHORITY_RESTORED' })

describe('an authority that was restored from a backup', () => {
  /** It has published a statement since, which anna has heard and it no longer knows. */
  function restored(): [server: ReplicaDevice, anna: ReplicaDevice] {
    const [server, anna] = [new ReplicaDevice(), new ReplicaDevice()]
    anna.found('server_authoritative', server)
    publish(server, anna)
    const copy = server.store.copy()
    anna.put('a', 1)
    publish(server, anna)
    return [server.rollBack(copy, true), anna]
  }

  function publish(server: ReplicaDevice, anna: ReplicaDevice): void {
    server.hear(anna)
    server.replica.publish(server.tick())
    anna.hear(server)
    server.replica.commit()
  }

  test('publishes and signs nothing, also after another start, until its user confirms', () => {
    const [server, anna] = restored()
    server.put('b', 1)
    for (const start of [() => undefined, () => server.crash()]) {
      start()
      expect(() => server.replica.publish(server.tick())).toThrow(unconfirmed)
      expect(() => server.replica.sign(server.tick())).toThrow(unconfirmed)
      expect(() => server.replica.snapshot(server.tick())).toThrow(unconfirmed)
      expect(server.replica.statements.count).toBe(1)
    }
    anna.hear(server)
    expect(anna.replica.finalLength).toBe(2)
    expect(anna.replica.statements.splitEvidence).toBeUndefined()
  })

  test('goes on with its history once it has heard it and that was confirmed, for good', () => {
    const [server, anna] = restored()
    server.put('b', 1)
    server.hear(anna)
    server.replica.commit()
    server.replica.confirmStatements()
    server.crash()
    publish(server, anna)
    expect(anna.replica.finalLength).toBe(anna.replica.log.size)
    expect(anna.replica.statements.splitEvidence).toBeUndefined()
    expect(anna.replica.statements.count).toBe(3)
  })

  test('and has its log from others only, is told the same', () => {
    const [server, anna] = restored()
    server.rollBack(new ReplicaDevice().store, true, anna.replica.folderId)
    server.hear(anna)
    expect(() => server.replica.publish(server.tick())).toThrow(unconfirmed)
    server.replica.confirmStatements()
    server.put('b', 1)
    publish(server, anna)
    expect(anna.replica.statements.splitEvidence).toBeUndefined()
    expect(anna.replica.finalLength).toBe(3)
  })
})

describe('a member that was restored from a backup', () => {
  const sign = (device: ReplicaDevice): SignedStatement => device.replica.sign(device.tick())

  test.each([0, 1])('never signs two statements of one index, its backup knowing %i', (known) => {
    const [anna, ben] = ReplicaDevice.folder(2)
    if (known === 1) sign(ben!)
    const before = known === 1 ? sign(ben!) : undefined
    const copy = ben!.store.copy()
    const lost = ['a', 'b', 'c'].map((name) => {
      ben!.put(name, 1)
      return sign(ben!)
    })
    ben!.rollBack(copy.copy(), true)
    const first = sign(ben!)
    ben!.rollBack(copy.copy(), true)
    const second = sign(ben!)
    const indices = [...lost, first, second].map(({ statement }) => statement.index)
    expect(indices).toEqual([...new Set(indices)].toSorted((left, right) => left - right))
    const last = before?.bytes ?? new Uint8Array()
    expect(second.statement.previous).toBe(statementHash(ben!.suite, last))
    expect(second.bytes).toEqual(encodeStatement(second.statement))

    meet(anna!, ben!)
    ben!.put('d', 1)
    const third = sign(ben!.crash())
    expect(third.statement).toMatchObject({
      index: second.statement.index + 1,
      previous: statementHash(ben!.suite, second.bytes),
    })
  })

  test('proves that its log has grown to whoever has a statement that it lost', () => {
    const anna = new ReplicaDevice(nodeSuite).found('peer')
    const ben = new ReplicaDevice(nodeSuite)
    anna.admit(ben, 'write')
    const copy = ben.store.copy()
    ben.put('a', 1)
    const older = sign(ben)
    anna.hear(ben)
    ben.rollBack(copy, true)
    ben.hear(anna)
    ben.put('a', 2)
    const { nodes } = ben.replica.view.at(['a'])!
    const proof = ben.replica.proveHistory({ nodes, since: older.statement }, ben.tick())
    const trust = { folderId: ben.replica.folderId, devices: [ben.id], older }
    expect(verifyHistory(nodeSuite, proof, trust)).toMatchObject({ grewFrom: older.statement.size })
  })
})
