import { describe, expect, test, vi } from 'vitest'
import { digests, meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { FormatError } from '../format/format-error.ts'
import type * as Limits from '../format/limits.ts'
import type * as Codec from '../format/statement-codec.ts'
import { encodeAuthorityStatement } from '../format/statement-codec.ts'
import type { ChainHead } from '../format/statement.ts'
import { wholeChains } from './statements.ts'

vi.mock('../format/limits.ts', async (original) => {
  const { limits } = await original<typeof Limits>()
  return { limits: { ...limits, frontier: 4 } }
})

vi.mock('../format/statement-codec.ts', async (original) => {
  const codec = await original<typeof Codec>()
  return {
    ...codec,
    encodeAuthorityStatement: vi.fn<typeof encodeAuthorityStatement>(codec.encodeAuthorityStatement),
  }
})

/** A member of a folder with an authority; each time it says so, it goes on with a new chain. */
function served(): [server: ReplicaDevice, anna: ReplicaDevice] {
  const [server, anna] = [new ReplicaDevice(), new ReplicaDevice()]
  anna.found('server_authoritative', server)
  server.hear(anna)
  server.replica.publish(server.tick())
  anna.hear(server)
  return [server, anna]
}

function writeChains(device: ReplicaDevice, count: number): void {
  for (let index = 0; index < count; index++) {
    device.replica.newIncarnation()
    device.put(`f${index}`, index)
  }
}

describe('more chains than one statement lists (the limit is 4 here)', () => {
  test.each([4, 5, 8, 9])(
    '%i new ones: all of them are final after as few statements as it takes',
    (count) => {
      const [server, anna] = served()
      writeChains(anna, count)
      server.hear(anna)
      let statements = 0
      while (server.replica.publish(server.tick()) !== undefined) {
        statements++
        anna.hear(server)
        expect(anna.replica.statements.count).toBe(1 + statements)
        expect(anna.replica.finalLength).toBe(server.replica.finalLength)
      }
      expect(statements).toBeLessThanOrEqual(Math.ceil(count / 4))
      expect(anna.replica.finalLength).toBe(anna.replica.log.size)
      const ben = new ReplicaDevice()
      anna.admit(ben, 'read')
      meet(server, anna, ben)
      for (const device of [server, anna, ben]) device.replica.commit()
      expect(digests(server.crash(), anna.crash(), ben.crash())).toHaveLength(1)
      expect(ben.replica.finalLength).toBe(count + 1)
    },
  )

  test('what the authority signs about its log is about all of it', () => {
    const [server, anna] = served()
    writeChains(anna, 9)
    server.hear(anna)
    expect(server.replica.sign(server.tick()).statement.size).toBe(10)
    expect(() => server.replica.snapshot(server.tick())).not.toThrow()
    expect(server.replica.digest()).toEqual(anna.replica.digest())
  })

  test('a chain is listed whole or not at all, and one with too many heads never', () => {
    const heads = (chain: string, count: number): ChainHead[] =>
      Array.from({ length: count }, (_, seq) => ({ deviceId: chain, incarnation: chain, seq, hash: chain }))
    const list = (...chains: ChainHead[][]) =>
      wholeChains(chains.flat(), 4).map(({ deviceId, seq }) => `${deviceId}${seq}`)
    expect(list(heads('a', 2), heads('b', 2))).toEqual(['a0', 'a1', 'b0', 'b1'])
    expect(list(heads('a', 3), heads('b', 2), heads('c', 1))).toEqual(['a0', 'a1', 'a2', 'c0'])
    expect(list(heads('a', 5), heads('b', 1))).toEqual(['b0'])
    expect(list(heads('a', 5))).toEqual([])
  })
})

test('a statement that cannot be encoded leaves nothing behind', () => {
  const [server, anna] = served()
  anna.put('a', 1)
  server.hear(anna)
  const before = [server.replica.digest(), server.replica.statements.lastHash, server.replica.finalLength]
  vi.mocked(encodeAuthorityStatement).mockImplementationOnce(() => {
    throw new FormatError('limit', 'too many')
  })
  expect(() => server.replica.publish(server.tick())).toThrow('too many')
  const after = [server.replica.digest(), server.replica.statements.lastHash, server.replica.finalLength]
  expect(after).toEqual(before)
  server.replica.publish(server.tick())
  anna.hear(server)
  expect(anna.replica.finalLength).toBe(2)
})
