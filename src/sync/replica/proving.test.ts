import { describe, expect, test } from 'vitest'
import { meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { decodeStatement, encodeAuthorityStatement } from '../format/statement-codec.ts'
import { decodeHistoryProof } from '../proof/history-proof.ts'
import type { HistoryTrust } from '../proof/verify-history.ts'
import { verifyHistory } from '../proof/verify-history.ts'
import type { ProofRequest } from './replica.ts'

/** A server that is the authority and a member, both with the real crypto. */
function served(): [server: ReplicaDevice, anna: ReplicaDevice] {
  const server = new ReplicaDevice(nodeSuite)
  const anna = new ReplicaDevice(nodeSuite).found('server_authoritative', server)
  server.hear(anna)
  return [server, anna]
}

function publish(server: ReplicaDevice, anna: ReplicaDevice): void {
  server.hear(anna)
  server.replica.publish(server.tick())
  anna.hear(server)
}

function prove(device: ReplicaDevice, path: string, request: Omit<ProofRequest, 'nodes'> = {}): Uint8Array {
  const nodes = device.replica.view.at(path.split('/'))?.nodes ?? []
  return device.replica.proveHistory({ nodes, ...request }, device.tick())
}

function verify(device: ReplicaDevice, bytes: Uint8Array, trust: Partial<HistoryTrust> = {}) {
  const { folderId } = device.replica
  const found = verifyHistory(nodeSuite, bytes, { folderId, devices: [device.id], ...trust })
  if (found.refused !== undefined) throw new Error(found.refused)
  return found
}

describe('a proof of history', () => {
  test('under the authority is final, and about what is published', () => {
    const [server, anna] = served()
    const first = anna.put('a', 1)
    const second = anna.put('a', 2)
    publish(server, anna)
    anna.put('a', 3)
    const found = verify(anna, prove(anna, 'a'), { devices: [], authority: server.id })
    expect(found).toMatchObject({ final: true, nodes: [{ heads: [1], node: undefined }] })
    expect(found.nodes[0]!.versions.map(({ hash }) => hash)).toEqual([first, second])
    expect(anna.shown()).toEqual(['a 3'])
  })

  test('of its own is about all it has, and not final', () => {
    const [server, anna] = served()
    anna.put('a', 1)
    publish(server, anna)
    anna.put('a', 2)
    const found = verify(anna, prove(anna, 'a', { isOwn: true }))
    expect(found.final).toBe(false)
    expect(found.nodes[0]!.versions).toHaveLength(2)
    expect(found.statement.issuer).toBe(anna.id)
  })

  test('of its own by the authority is final, because it is published with it', () => {
    const [server, anna] = served()
    publish(server, anna)
    anna.put('a', 1)
    server.hear(anna)
    const bytes = prove(server, 'a', { isOwn: true })
    expect(verify(anna, bytes, { devices: [], authority: server.id }).final).toBe(true)
    expect(server.replica.finalLength).toBe(server.replica.log.size)
    server.replica.snapshot(server.tick())
    expect(server.replica.statements.count).toBe(2)
  })

  test('by the authority is no evidence against it for whoever sees it', () => {
    const [server, anna] = served()
    publish(server, anna)
    anna.put('a', 1)
    server.hear(anna)
    const proof = decodeHistoryProof(prove(server, 'a', { isOwn: true }))
    const { publicKey, signature, statement: bytes } = proof
    const signed = { statement: decodeStatement(bytes), bytes, publicKey, signature }
    const told = encodeAuthorityStatement({ signed, changedHeads: [] })
    expect(anna.replica.receiveStatement(told, 'other', anna.now).outcome).toBe('refused-frontier')
    anna.hear(server)
    expect(anna.replica.statements.splitEvidence).toBeUndefined()
    expect(anna.replica.finalLength).toBe(2)
  })

  test('in peer mode is of its own', () => {
    const anna = new ReplicaDevice(nodeSuite).found('peer')
    anna.put('a', 1)
    expect(verify(anna, prove(anna, 'a')).nodes[0]!.versions).toHaveLength(1)
  })

  test('reveals what is asked for and nothing else', () => {
    const [server, anna] = served()
    const versions = [1, 2, 3].map((mark) => anna.put('d'.repeat(mark).slice(0, 1), mark))
    publish(server, anna)
    const trust = { authority: server.id }
    const opened = (reveal: ProofRequest['reveal']) =>
      verify(anna, prove(anna, 'd', { ...(reveal && { reveal }) }), trust).nodes[0]!.versions.map(
        (version) => version.opened?.type === 'put' && version.opened.content.size,
      )
    expect(opened(undefined)).toEqual([false, false, false])
    expect(opened('all')).toEqual([1, 2, 3])
    expect(opened(new Set([versions[1]!]))).toEqual([false, 2, false])
  })

  test('since an older statement shows that history only grew', () => {
    const [server, anna] = served()
    anna.put('a', 1)
    publish(server, anna)
    const older = anna.replica.statements.last!.signed
    anna.put('a', 2)
    publish(server, anna)
    const trust = { authority: server.id, older }
    const found = verify(anna, prove(anna, 'a', { since: older.statement }), trust)
    expect(found.grewFrom).toBe(older.statement.size)
    expect(() => verify(anna, prove(anna, 'a'), trust)).toThrow('not-grown')
  })

  test('since a statement of an order that late entries have changed cannot be made', () => {
    const [anna, ben] = [new ReplicaDevice(nodeSuite).found('peer'), new ReplicaDevice(nodeSuite)]
    anna.admit(ben, 'write')
    ben.put('b', 1)
    anna.now += 1_000
    anna.put('a', 1)
    const since = anna.replica.sign(anna.tick()).statement
    meet(anna, ben)
    expect(() => prove(anna, 'a', { since })).toThrow(
      expect.objectContaining({ code: 'SYNC_PROOF_NOT_GROWN' }),
    )
  })

  test('of a file of two nodes holds both, by two devices', () => {
    const [server, anna] = served()
    const ben = new ReplicaDevice(nodeSuite)
    anna.admit(ben, 'write')
    anna.put('a', 1)
    ben.put('a', 2)
    meet(anna, ben)
    publish(server, anna)
    const found = verify(anna, prove(anna, 'a'), { authority: server.id })
    expect(
      found.nodes
        .map(({ versions }) => versions.map(({ deviceId }) => deviceId))
        .flat()
        .sort(),
    ).toEqual([anna.id, ben.id].sort())
  })

  test('cannot be made of a directory, of nothing, or of what is not published yet', () => {
    const [server, anna] = served()
    anna.mkdir('d')
    publish(server, anna)
    anna.put('new', 1)
    for (const path of ['d', 'new']) {
      expect(() => prove(anna, path)).toThrow(expect.objectContaining({ code: 'SYNC_PROOF_NO_HISTORY' }))
    }
    expect(anna.shown()).toEqual(['d/', 'new 1'])
  })
})

describe('what a device says of its log', () => {
  test('is said once as long as nothing changes, and chained when it does', () => {
    const anna = new ReplicaDevice(nodeSuite).found('peer')
    const first = anna.replica.sign(anna.tick())
    expect(anna.replica.sign(anna.tick()).bytes).toEqual(first.bytes)
    expect(anna.crash().replica.sign(anna.tick()).bytes).toEqual(first.bytes)
    anna.put('a', 1)
    const second = anna.replica.sign(anna.tick()).statement
    expect(second).toMatchObject({ index: 1, size: 2, issuer: anna.id })
    expect(second.previous).not.toBe(first.statement.previous)
    anna.now -= 1_000_000
    anna.put('a', 2)
    const third = anna.replica.sign(anna.tick()).statement
    expect(third.hlc.ms).toBeGreaterThanOrEqual(second.hlc.ms)
  })

  test('says what its digest says', () => {
    const anna = new ReplicaDevice(nodeSuite).found('peer')
    anna.put('a', 1)
    const { order, mapRoot, frontier, size } = anna.replica.digest()
    expect(anna.replica.sign(anna.tick()).statement).toMatchObject({
      logRoot: order,
      mapRoot,
      frontierHash: frontier,
      size,
    })
  })
})
