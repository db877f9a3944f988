import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { MemberInfo } from '../../../src/sync/device/daemon-api.ts'
import type { Role } from '../../../src/sync/format/membership.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { freePorts } from '../../support/free-ports.ts'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'

const daemons = new Daemons()
afterEach(async () => daemons.end())

/** At a port that stays the same when it is started again. */
async function start(name: string): Promise<RealDaemon> {
  const [port] = await freePorts(1)
  return daemons.start(name, { HARP_LISTEN: `127.0.0.1:${port}` })
}

async function lets(admin: RealDaemon, device: RealDaemon, role: Role): Promise<void> {
  const { code } = await admin.api.invite({ folder: admin.status().id, role })
  await device.api.join({ code, path: device.root })
  await device.until('the role', () => device.status().role === role && device.status().state === 'idle')
}

/** As if the second had learned where the first is. */
async function meet(one: RealDaemon, other: RealDaemon): Promise<void> {
  const { deviceId } = one.home.readDevice(nodeSuite)
  await other.stop()
  const peers = other.home.peers()
  other.home.savePeers({ ...peers, [deviceId]: { name: '', addresses: [one.address] } })
  await other.start()
  const isThere = () => [one, other].every((each) => each.status().peers.every(({ connected }) => connected))
  await other.until('all to be met', isThere)
}

/** Anna's folder, with Ben and Cleo in it. */
async function three(role: Role = 'write'): Promise<[anna: RealDaemon, ben: RealDaemon, cleo: RealDaemon]> {
  const anna = await (await start('Anna')).founds()
  const [ben, cleo] = [await start('Ben'), await start('Cleo')]
  anna.write('a.txt', 'a')
  await lets(anna, ben, role)
  await lets(anna, cleo, 'write')
  for (const each of [ben, cleo]) await each.untilReads('a.txt', 'a')
  await meet(ben, cleo)
  return [anna, ben, cleo]
}

function members(daemon: RealDaemon): Record<string, MemberInfo> {
  const all = daemon.api.members({ folder: daemon.status().id })
  return Object.fromEntries(all.map((member) => [member.name, member]))
}

function revoke(daemon: RealDaemon, device: string) {
  return daemon.api.revoke({ folder: daemon.status().id, device })
}

function hasError(daemon: RealDaemon, code: string): boolean {
  return daemon.status().errors.some((error) => error.code === code)
}

describe('a device that is revoked while it is connected', () => {
  test('is told, keeps its files, hears nothing more, and reads nothing more with all its keys', async () => {
    const [anna, ben, cleo] = await three()
    const folder = anna.status().id
    const open = await anna.invite()
    const answer = await revoke(anna, 'Ben')
    expect(answer).toMatchObject({ name: 'Ben', told: 1, untold: 0, withdrawn: 1 })
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'))
    expect(ben.status()).toMatchObject({ state: 'blocked', role: null })
    expect(ben.status().errors.find(({ code }) => code === 'FOLDER_REVOKED')?.message).toMatch(/by Anna \(/)
    ben.write('b.txt', 'b')
    anna.write('later.txt', 'later')
    await cleo.untilReads('later.txt', 'later')
    cleo.write('cleo.txt', 'cleo')
    await anna.untilReads('cleo.txt', 'cleo')
    expect(ben.tree()).toEqual(['a.txt', 'b.txt'])
    expect(cleo.tree()).toEqual(['a.txt', 'cleo.txt', 'later.txt'])
    expect(anna.status().peers.map(({ name, connected }) => [name, connected])).toEqual([['Cleo', true]])
    // It does not ask again and again what it was told.
    expect(ben.logLines.filter((line) => line.includes('no link'))).toEqual([])
    const late = await start('Late')
    await expect(late.api.join({ code: open, path: late.root })).rejects.toMatchObject({
      code: 'INVITATION_UNKNOWN',
    })
    // All see the same, and nothing more is written of who is out already.
    for (const each of [anna, cleo]) {
      const all = members(each)
      const admin = all['Anna']!.id
      expect(all['Anna']).toMatchObject({ role: 'admin', state: 'member', grantedBy: null, revokedBy: null })
      expect(all['Cleo']).toMatchObject({ role: 'write', state: 'member', grantedBy: admin })
      expect(all['Ben']).toMatchObject({
        role: 'write',
        state: 'revoked',
        revokedBy: admin,
        connected: false,
      })
      expect([all['Ben']!.fencedEntries, all[each === anna ? 'Anna' : 'Cleo']!.self]).toEqual([0, true])
    }
    const { revokedAt } = members(anna)['Ben']!
    await revoke(anna, 'Ben')
    expect(members(anna)['Ben']!.revokedAt).toBe(revokedAt)
    await Promise.all([anna, ben].map((each) => each.stop()))
    expect(seenByThief(ben, anna, folder, ['a.txt', 'later.txt', 'cleo.txt'])).toEqual([true, false, false])
  })

  test('keeps what it shares in another folder', async () => {
    const [anna, ben] = await three()
    const other = join(anna.base, 'other')
    await anna.api.addFolder({ path: other, name: 'Other' })
    const { code } = await anna.api.invite({ folder: 'Other' })
    await ben.api.join({ code, path: join(ben.base, 'other') })
    await anna.api.revoke({ folder: 'Folder', device: 'Ben' })
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'))
    const { folders } = anna.api.status()
    const shared = folders.find(({ name }) => name === 'Other')!
    expect(shared.peers.map(({ name, connected }) => [name, connected])).toEqual([['Ben', true]])
  })
})

/** With the home of one device, and the whole log of another: which of these names it can read. */
function seenByThief(thief: RealDaemon, owner: RealDaemon, folderId: string, names: string[]): boolean[] {
  const keys = thief.home.readDevice(nodeSuite)
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
  const open = (device: RealDaemon) => {
    const store = new SqliteStore(join(device.home.folderPlace(folderId), 'log.sqlite'))
    return { store, replica: Replica.open({ suite: nodeSuite, keys, random, store, folderId }) }
  }
  const [stolen, all] = [open(thief), open(owner)]
  for (const { bytes, type } of all.store.records()) {
    if (type === 'batch') stolen.replica.receive(bytes, 'thief', Date.now())
  }
  expect(stolen.replica.log.size).toBe(all.replica.log.size)
  const seen = names.map((name) => stolen.replica.view.at([name]) !== undefined)
  stolen.store.close()
  all.store.close()
  return seen
}

describe('a device that was revoked and knows it', () => {
  test('does not make others believe that they are out', async () => {
    const [anna, ben, cleo] = await three()
    await cleo.stop()
    await revoke(anna, 'Ben')
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'))
    await anna.stop()
    await cleo.start()
    await cleo.until('a refusal', () => cleo.logLines.some((line) => line.includes('revoked itself')))
    expect(cleo.logLines.filter((line) => line.includes('no member'))).toEqual([])
  })
})

describe('a device that is let in again', () => {
  test('joins where it is: what it changed meanwhile is united with the folder', async () => {
    const [anna, ben] = await three()
    await revoke(anna, 'Ben')
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'))
    ben.write('own.txt', 'own')
    ben.write('a.txt', 'a, changed by Ben')
    anna.write('later.txt', 'later')
    const elsewhere = join(ben.base, 'elsewhere')
    await expect(ben.api.join({ code: await anna.invite(), path: elsewhere })).rejects.toMatchObject({
      code: 'SYNC_FOLDER_KNOWN',
    })
    const folder = await ben.api.join({ code: await anna.invite('read') })
    expect(folder).toMatchObject({ path: ben.root, role: 'read' })
    await ben.untilReads('later.txt', 'later')
    await ben.until('the changes to be named', () => hasError(ben, 'FOLDER_READ_ONLY'))
    expect(ben.read('own.txt')).toBe('own')
    expect(anna.read('a.txt')).toBe('a')
    expect(members(anna)['Ben']).toMatchObject({ role: 'read', state: 'member', revokedBy: null })
    // Once more, and as one who may write.
    await revoke(anna, 'Ben')
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'))
    await ben.api.join({ code: await anna.invite(), path: ben.root })
    await anna.untilReads('own.txt', 'own')
    await anna.untilReads('a.txt', 'a, changed by Ben')
    await ben.until('rest', () => ben.status().state === 'idle')
    expect(ben.status().errors).toEqual([])
  })

  test('keeps its folder if that cannot be opened', async () => {
    const [anna, ben] = await three()
    await revoke(anna, 'Ben')
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'))
    const chunks = join(ben.store, 'chunks.sqlite')
    renameSync(chunks, `${chunks}.away`)
    mkdirSync(chunks)
    await expect(ben.api.join({ code: await anna.invite() })).rejects.toThrow('cannot open')
    expect(ben.status()).toMatchObject({ name: 'Folder', path: ben.root, state: 'blocked' })
    rmSync(chunks, { recursive: true })
    renameSync(`${chunks}.away`, chunks)
    // It was let in, and goes on by itself.
    anna.write('later.txt', 'later')
    await ben.untilReads('later.txt', 'later', 40_000)
  }, 60_000)

  test('also if it had only met refusals', async () => {
    const [anna, ben] = await three()
    ben.write('b.txt', 'b')
    await anna.untilReads('b.txt', 'b')
    await ben.stop()
    await revoke(anna, 'Ben')
    await ben.start()
    await ben.until('the refusal', () => hasError(ben, 'FOLDER_NOT_A_MEMBER'), 30_000)
    await ben.until('both to be named', () => {
      const { message = '' } = ben.status().errors.find(({ code }) => code === 'FOLDER_NOT_A_MEMBER') ?? {}
      return message.includes('Anna (') && message.includes('Cleo (')
    })
    expect(ben.status()).toMatchObject({ role: 'write' })
    // It waits longer and longer.
    const tries = ben.logLines.filter((line) => line.includes('"link closed"') || line.includes('no member'))
    expect(tries.length).toBeLessThan(20)
    ben.write('c.txt', 'c')
    rmSync(join(ben.root, 'a.txt'))
    await ben.until('rest', () => ben.status().state === 'idle')
    await ben.api.join({ code: await anna.invite() })
    await anna.untilReads('c.txt', 'c')
    await ben.until('rest', () => ben.status().state === 'idle')
    expect(hasError(ben, 'FOLDER_NOT_A_MEMBER')).toBe(false)
    expect(ben.read('b.txt')).toBe('b')
  }, 60_000)
})

describe('a device that leaves the folder', () => {
  test('makes nobody believe that it was put out, as long as others take it for a member', async () => {
    const [anna, ben, cleo] = await three()
    await cleo.api.remove({ folder: cleo.status().id })
    await anna.until('a refusal', () => anna.logLines.some((line) => line.includes('"no member"')))
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    expect(hasError(anna, 'FOLDER_NOT_A_MEMBER')).toBe(false)
    // With nobody left to ask, it is said what may have been.
    await ben.stop()
    await anna.until('the refusal', () => hasError(anna, 'FOLDER_NOT_A_MEMBER'))
    const { message, fix } = anna.status().errors.find(({ code }) => code === 'FOLDER_NOT_A_MEMBER')!
    expect(`${message}. ${fix}`).toMatch(/refused by Cleo .*left the folder/)
  }, 60_000)
})

describe('who may take out whom', () => {
  test('admins, of the others', async () => {
    const [anna, ben] = await three()
    await expect(revoke(ben, 'Cleo')).rejects.toMatchObject({ code: 'SYNC_NOT_ALLOWED' })
    await expect(revoke(anna, 'Anna')).rejects.toMatchObject({ code: 'SYNC_REVOKE_SELF' })
    await expect(revoke(anna, 'Nobody')).rejects.toMatchObject({ code: 'SYNC_DEVICE_UNKNOWN' })
    expect(Object.values(members(anna)).map(({ state }) => state)).toEqual(['member', 'member', 'member'])
  })

  test('an admin may take out the one who began the folder', async () => {
    const [anna, ben, cleo] = await three('admin')
    expect(await revoke(ben, 'Anna')).toMatchObject({ name: 'Anna', told: expect.any(Number) as number })
    await anna.until('the revocation', () => hasError(anna, 'FOLDER_REVOKED'))
    await cleo.until('the news', () => members(cleo)['Anna']?.state === 'revoked')
    ben.write('after.txt', 'after')
    expect(anna.read('after.txt')).toBeUndefined()
    await expect(anna.api.invite({ folder: anna.status().id })).rejects.toMatchObject({
      code: 'SYNC_NOT_ALLOWED',
    })
  })
})

describe('what a device writes without having heard of its revocation', () => {
  /** Ann decides the order; Ben and Cleo know each other; Ben is revoked while they cannot see Ann. */
  test('does nothing where the order is final, is counted, and is not lost on its own disk', async () => {
    const anna = await start('Anna')
    await anna.api.addFolder({ path: anna.root, name: 'Folder', authority: 'self' })
    anna.write('a.txt', 'a')
    const [ben, cleo] = [await start('Ben'), await start('Cleo')]
    await lets(anna, ben, 'admin')
    await lets(ben, cleo, 'write')
    await cleo.untilReads('a.txt', 'a')
    await meet(anna, cleo)
    await Promise.all([ben.stop(), cleo.stop()])
    await revoke(anna, 'Ben')
    await anna.until('the revocation to be final', () => anna.status().state === 'idle')
    anna.write('final.txt', 'final')
    await anna.until('rest', () => anna.status().state === 'idle')
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    await anna.stop()
    await Promise.all([ben.start(), cleo.start()])
    ben.write('late.txt', 'late')
    await cleo.untilReads('late.txt', 'late')
    await anna.start()
    await cleo.untilReads('final.txt', 'final', 40_000)
    await cleo.until('the late file to be gone', () => cleo.read('late.txt') === undefined)
    await anna.until('the count', () => (members(anna)['Ben']?.fencedEntries ?? 0) > 0)
    expect(anna.tree()).toEqual(['a.txt', 'final.txt'])
    expect(hasError(anna, 'FOLDER_FENCED_WRITES')).toBe(true)
    expect(hasError(cleo, 'FOLDER_FENCED_WRITES')).toBe(false)
    await ben.until('the revocation', () => hasError(ben, 'FOLDER_REVOKED'), 40_000)
    expect(ben.read('late.txt')).toBe('late')
    // Let in again, its disk is united with the folder.
    await ben.api.join({ code: await anna.invite() })
    await anna.untilReads('late.txt', 'late')
    await cleo.untilReads('late.txt', 'late')
    expect(hasError(anna, 'FOLDER_FENCED_WRITES')).toBe(false)
    expect(members(anna)['Ben']).toMatchObject({
      state: 'member',
      fencedEntries: expect.any(Number) as number,
    })
  }, 120_000)
})
