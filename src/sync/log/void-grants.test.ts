import { beforeEach, describe, expect, test } from 'vitest'
import { LogPeer } from '../../../test/sync/support/log-peer.ts'

let anna: LogPeer
let ben: LogPeer

/** Both are admins, and have not heard of what the other does next. */
beforeEach(() => {
  anna = new LogPeer(1)
  ben = new LogPeer(2)
  anna.found()
  anna.admit(ben, 'admin')
})

const role = (of: LogPeer) => anna.log.membership.roleOf(of.id, anna.log.heads())

describe('grants of an admin who was revoked in the meantime', () => {
  test('count no more, nor do those of whom it made an admin', () => {
    const [cleo, dora] = [new LogPeer(3), new LogPeer(4)]
    anna.write(anna.revoke(ben.id))
    ben.admit(cleo, 'admin')
    cleo.admit(dora, 'admin')
    for (const peer of [ben, cleo]) anna.pull(peer)
    expect([role(cleo), role(dora)]).toEqual([undefined, undefined])
    dora.pull(anna)
    expect(anna.receive(dora.forge([dora.revoke(anna.id)])).refused?.reason).toBe('role')
  })

  test('count where the revocation had seen them, and those that rest on them do', () => {
    const [cleo, dora] = [new LogPeer(3), new LogPeer(4)]
    ben.admit(cleo, 'admin')
    anna.pull(ben)
    anna.write(anna.revoke(ben.id))
    cleo.admit(dora, 'write')
    anna.pull(cleo)
    expect([role(cleo), role(dora)]).toEqual(['admin', 'write'])
  })

  test('count again from another admin', () => {
    const [cleo, dora] = [new LogPeer(3), new LogPeer(4)]
    anna.write(anna.revoke(ben.id))
    ben.admit(cleo, 'admin')
    cleo.admit(dora, 'admin')
    for (const peer of [ben, cleo]) anna.pull(peer)
    anna.write(anna.grant(cleo.record, 'write'))
    expect([role(cleo), role(dora)]).toEqual(['write', undefined])
  })

  test('lower a role all the same: whom it demotes does not undo that by a revocation', () => {
    const revocation = ben.write(ben.revoke(anna.id))
    anna.write(anna.grant(ben.record, 'read'))
    anna.receive(revocation)
    expect([role(anna), role(ben)]).toEqual([undefined, 'read'])
  })
})
