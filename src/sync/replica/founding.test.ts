import { describe, expect, test } from 'vitest'
import { ReplicaDevice, digests, meet } from '../../../test/sync/support/replica-device.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { Replica } from './replica.ts'

const code = (name: string) => expect.objectContaining({ code: name })

describe('founding', () => {
  test('in peer mode: the founder is admin, nothing is final', () => {
    const anna = new ReplicaDevice().found('peer')
    expect(anna.replica).toMatchObject({ mode: 'peer', role: 'admin', finalLength: 0, closed: 0 })
    expect(anna.replica.order.map(({ hash }) => hash)).toEqual([anna.replica.folderId])
    expect(() => anna.replica.publish(anna.tick())).toThrow(code('SYNC_NOT_AUTHORITY'))
  })

  test('with an authority of its own: the creator publishes', () => {
    const anna = new ReplicaDevice().found('server_authoritative')
    anna.put('a', 1)
    expect(anna.replica.publish(anna.tick())).toBeDefined()
    expect(anna.replica.finalLength).toBe(2)
    expect(anna.replica.publish(anna.tick())).toBeUndefined()
  })

  test('with another device as authority, which may read and write at once', () => {
    const server = new ReplicaDevice()
    const anna = new ReplicaDevice().found('server_authoritative', server)
    anna.put('a', 1)
    server.hear(anna)
    expect(server.replica).toMatchObject({ role: 'write', closed: 0 })
    server.put('b', 2)
    server.replica.publish(server.tick())
    anna.hear(server)
    expect(anna.shown()).toEqual(['a 1', 'b 2'])
    expect(anna.replica.finalLength).toBe(3)
    expect(() => anna.replica.publish(anna.tick())).toThrow(code('SYNC_NOT_AUTHORITY'))
  })

  test('a record that its own key has not signed is no authority', () => {
    const server = new ReplicaDevice()
    const { record } = new ReplicaDevice().keys
    const authority = { ...server.keys.record, agreementKey: record.agreementKey }
    const anna = new ReplicaDevice()
    const found = () => Replica.found(anna.options, { mode: 'server_authoritative', authority }, anna.tick())
    expect(found).toThrow(code('SYNC_FOUNDING'))
  })

  test('peer mode takes no authority', () => {
    const anna = new ReplicaDevice()
    const found = () =>
      Replica.found(anna.options, { mode: 'peer', authority: anna.keys.record }, anna.tick())
    expect(found).toThrow(code('SYNC_FOUNDING'))
  })

  test('a store that holds a folder takes no other', () => {
    const anna = new ReplicaDevice().found('peer')
    const before = anna.replica.folderId
    expect(() => anna.found('peer')).toThrow(code('SYNC_FOUNDING'))
    expect(anna.crash().replica.folderId).toBe(before)
  })

  test('two folders of one device differ', () => {
    const anna = new ReplicaDevice().found('peer')
    const first = anna.replica.folderId
    const again = Replica.found({ ...anna.options, store: new ReplicaDevice().store }, { mode: 'peer' }, 1)
    expect(again.folderId).not.toBe(first)
  })
})

describe('opening', () => {
  test('an empty store needs a folder', () => {
    const anna = new ReplicaDevice()
    expect(() => Replica.open(anna.options)).toThrow(code('SYNC_NO_FOLDER'))
  })

  test('a store of another folder is refused', () => {
    const anna = new ReplicaDevice().found('peer')
    const ben = new ReplicaDevice().found('peer')
    const open = () => Replica.open({ ...ben.options, folderId: anna.replica.folderId })
    expect(open).toThrow(code('SYNC_FOLDER_MISMATCH'))
  })

  test('a joiner takes no other folder than the one it was told of', () => {
    const anna = new ReplicaDevice().found('peer')
    const mallory = new ReplicaDevice().found('peer')
    const ben = new ReplicaDevice().open(anna.replica.folderId)
    const [other] = mallory.replica.log.batchesFrom(0, 0)
    expect(ben.receive(other!.bytes).refused?.reason).toBe('foreign-folder')
    expect(ben.replica.log.size).toBe(0)
  })

  test('before the first entry has come there is nothing to do', () => {
    const anna = new ReplicaDevice().found('peer')
    const ben = new ReplicaDevice().open(anna.replica.folderId)
    expect(ben.replica).toMatchObject({ mode: undefined, role: undefined })
    expect(ben.shown()).toEqual([])
    expect(() => ben.put('a', 1)).toThrow(code('SYNC_NOT_ALLOWED'))
    expect(ben.replica.digest()).toMatchObject({ size: 0, mapRoot: undefined })
  })
})

describe('joining', () => {
  test('with the real crypto suite', () => {
    const anna = new ReplicaDevice(nodeSuite).found('peer')
    const ben = new ReplicaDevice(nodeSuite)
    anna.mkdir('d')
    anna.put('d/a', 1)
    anna.admit(ben, 'write')
    ben.put('d/a', 2)
    meet(anna, ben)
    expect(anna.shown()).toEqual(['d/', 'd/a 2'])
    expect(digests(anna, ben)).toHaveLength(1)
  })

  test('keys that come last open all history, across epochs', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(2).concat(new ReplicaDevice())
    anna!.put('a', 1)
    anna!.replica.rekey(anna!.tick())
    anna!.put('b', 2)
    anna!.replica.revoke(ben!.id, anna!.tick())
    anna!.put('c', 3)
    cleo!.hear(anna!)
    expect(cleo!.replica).toMatchObject({ role: undefined, closed: 3 })
    expect(cleo!.shown()).toEqual([])
    expect(cleo!.replica.digest().mapRoot).toBeUndefined()
    anna!.admit(cleo!, 'read')
    expect(cleo!.replica.closed).toBe(0)
    expect(cleo!.shown()).toEqual(['a 1', 'b 2', 'c 3'])
    expect(digests(anna!, cleo!)).toHaveLength(1)
  })

  test('in any order of arrival, batch by batch', () => {
    const [anna, ben] = ReplicaDevice.folder(2)
    for (const device of [anna!, ben!, anna!, ben!]) {
      meet(anna!, ben!)
      device.put(`f${device.now}`, 1)
      if (device === anna) anna.replica.rekey(anna.tick())
    }
    const cleo = new ReplicaDevice()
    anna!.hear(ben!)
    anna!.replica.grant(cleo.keys.record, 'write', anna!.tick())
    const batches = anna!.replica.log
      .branchHeads()
      .flatMap(({ branch }) => [...anna!.replica.log.batchesFrom(branch, 0)].map(({ bytes }) => bytes))
    cleo.open(anna!.replica.folderId)
    // A joiner can tell nothing of its folder before the first entry, so that one comes first.
    const [genesis, ...rest] = batches
    for (const bytes of [genesis!, ...rest.toReversed()]) cleo.receive(bytes)
    expect(cleo.replica.log.pending.entries).toBe(0)
    expect(digests(anna!, cleo)).toHaveLength(1)
    expect(cleo.shown()).toEqual(anna!.shown())
  })

  test('a reader reads and writes nothing', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'read')
    anna!.put('a', 1)
    ben!.hear(anna!)
    expect(ben!.shown()).toEqual(['a 1'])
    for (const act of [
      () => ben!.put('b', 2),
      () => ben!.replica.rekey(ben!.tick()),
      () => ben!.replica.grant(anna!.keys.record, 'read', ben!.tick()),
      () => ben!.replica.revoke(anna!.id, ben!.tick()),
    ]) {
      expect(act).toThrow(code('SYNC_NOT_ALLOWED'))
    }
    expect(ben!.replica.log.size).toBe(anna!.replica.log.size)
  })

  test('a cache orders, relays and checks, and reads nothing; with a role it reads all', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'write')
    const cache = new ReplicaDevice()
    anna!.admit(cache, 'cache')
    anna!.put('secret', 1)
    anna!.replica.revoke(ben!.id, anna!.tick())
    anna!.put('secret', 2)
    cache.hear(anna!)
    expect(cache.replica).toMatchObject({ role: 'cache', closed: 2 })
    expect(cache.shown()).toEqual([])
    expect(cache.replica.digest().order).toBe(anna!.replica.digest().order)
    expect(() => cache.replica.sign(cache.tick())).toThrow(code('SYNC_NO_KEY'))
    expect(() => cache.replica.proveHistory({ nodes: [] }, cache.tick())).toThrow(code('SYNC_NO_KEY'))

    const cleo = new ReplicaDevice()
    cleo.hear(cache)
    anna!.replica.grant(cleo.keys.record, 'read', anna!.tick())
    anna!.replica.grant(cache.keys.record, 'read', anna!.tick())
    cache.hear(anna!)
    cleo.hear(cache)
    expect(cache.shown()).toEqual(['secret 2'])
    expect(digests(anna!, cache, cleo)).toHaveLength(1)
  })

  test('a device that was made a cache again reads no new epoch', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'write')
    anna!.replica.grant(ben!.keys.record, 'cache', anna!.tick())
    anna!.replica.rekey(anna!.tick())
    anna!.put('a', 1)
    ben!.hear(anna!)
    expect(ben!.replica).toMatchObject({ role: 'cache', closed: 1 })
    expect(ben!.shown()).toEqual([])
  })
})
