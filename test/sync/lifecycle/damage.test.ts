import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { flip, keptOf, packsOf, rot } from '../support/bit-rot.ts'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'
import { seededBytes } from '../support/seeded-bytes.ts'

const daemons = new Daemons()

afterEach(() => daemons.end())

const large = (seed: string): Uint8Array => seededBytes(seed)(3 * 1024 * 1024)
const isIdle = (each: RealDaemon): boolean => each.status().state === 'idle'
const errors = (each: RealDaemon): string[] => each.status().errors.map(({ code }) => code)

async function synced(
  from: RealDaemon,
  path: string,
  content: Uint8Array,
  ...to: RealDaemon[]
): Promise<void> {
  from.write(path, content)
  for (const each of to) {
    await each.until(`${path} on another disk`, () => isSame(each, path, content))
  }
  for (const each of [from, ...to]) await each.until('rest', () => isIdle(each))
}

function isSame(each: RealDaemon, path: string, content: Uint8Array): boolean {
  try {
    return Buffer.compare(readFileSync(join(each.root, path)), content) === 0
  } catch {
    return false
  }
}

async function versions(each: RealDaemon, path: string): Promise<number> {
  return (await each.api.log({ path: join(each.root, path) })).length
}

describe('a pack that has lost a bit', () => {
  test('is healed from another device, and gives the old version again', async () => {
    const [anna, ben] = await daemons.pair()
    await synced(anna, 'f', Buffer.from('the first content'), ben)
    await synced(anna, 'f', Buffer.from('the second content'), ben)
    const [pack = ''] = packsOf(ben)
    await ben.stop()
    // Behind the heads of the pack and of its first record.
    flip(pack, 16 + 36 + 5)
    await ben.start()
    const [audit] = await ben.api.audit({ repair: true })
    expect(audit).toMatchObject({ findings: [], repaired: 1 })
    await anna.stop()
    const [, first] = await ben.api.log({ path: join(ben.root, 'f') })
    await ben.api.restore({ path: join(ben.root, 'f'), version: first!.version })
    await ben.untilReads('f', 'the first content')
    await ben.until('nothing to be wrong', () => errors(ben).length === 0)
  })

  test('is named as long as nobody has what it lost, after a restart as well', async () => {
    const anna = await (await daemons.start('Anna')).founds()
    anna.write('f', 'the first content')
    await anna.until('rest', () => isIdle(anna) && anna.status().files === 1)
    anna.write('f', 'the second content')
    await anna.until('it', async () => isIdle(anna) && (await versions(anna, 'f')) === 2)
    const [pack = ''] = packsOf(anna)
    await anna.stop()
    flip(pack, 16 + 36 + 5)
    await anna.start()
    const [audit] = await anna.api.audit({ repair: true })
    expect(audit).toMatchObject({ findings: [{ code: 'FOLDER_AUDIT_CHUNK' }], repaired: 0 })
    await anna.stop()
    await anna.start()
    await anna.until('the damage', () => errors(anna).includes('FOLDER_AUDIT_CHUNK'))
    expect(anna.read('f')).toBe('the second content')
  }, 30_000)
})

test('a kept version that has lost a bit is healed from another device that kept it', async () => {
  const [anna, ben] = await daemons.pair()
  const carl = await (await daemons.start('Carl')).joins(anna)
  await carl.until('a role', () => carl.status().role === 'write' && isIdle(carl))
  await synced(anna, 'f', large('first'), ben, carl)
  await synced(carl, 'f', large('second'), anna, ben)
  const [kept = ''] = keptOf(ben)
  await ben.stop()
  flip(kept, 2_000_000)
  await ben.start()
  await ben.until('a link', () =>
    ben.status().peers.some(({ connected, name }) => connected && name === 'Anna'),
  )
  const [audit] = await ben.api.audit({ repair: true })
  expect(audit).toMatchObject({ findings: [], repaired: 1 })
  await Promise.all([anna.stop(), carl.stop()])
  const [, first] = await ben.api.log({ path: join(ben.root, 'f') })
  const to = join(ben.base, 'first')
  await ben.api.restore({ path: join(ben.root, 'f'), version: first!.version, to })
  expect(Buffer.compare(readFileSync(to), large('first'))).toBe(0)
}, 60_000)

describe("a user's file that has lost a bit", () => {
  test('is no edit, and is put in place again from another device', async () => {
    const [anna, ben] = await daemons.pair()
    await synced(anna, 'f', large('file'), ben)
    await ben.stop()
    rot(ben, 'f', 1_500_000)
    await ben.start()
    await ben.until('rest', () => isIdle(ben) && ben.status().peers[0]?.connected === true)
    expect(isSame(ben, 'f', large('file'))).toBe(false)
    expect(await versions(ben, 'f')).toBe(1)
    const [audit] = await ben.api.audit({ repair: true })
    expect(audit).toMatchObject({ findings: [], repaired: 1 })
    expect(isSame(ben, 'f', large('file'))).toBe(true)
    await ben.until('rest', () => isIdle(ben))
    expect(errors(ben)).toEqual([])
    expect(await versions(anna, 'f')).toBe(1)
    expect(isSame(anna, 'f', large('file'))).toBe(true)
  }, 30_000)

  test('is named as long as nobody has it, is never sent, and is healed when somebody comes', async () => {
    const [anna, ben] = await daemons.pair()
    await synced(anna, 'f', large('file'), ben)
    await anna.api.pause({ folder: 'Folder' })
    await ben.stop()
    rot(ben, 'f', 1_500_000)
    await ben.start()
    await ben.until('the first scan', () => isIdle(ben))
    const [audit] = await ben.api.audit({ repair: true })
    expect(audit).toMatchObject({ findings: [{ code: 'FOLDER_CONTENT_DAMAGED', path: 'f' }], repaired: 0 })
    expect(errors(ben)).toContain('FOLDER_CONTENT_DAMAGED')
    await ben.stop()
    await ben.start()
    await ben.until('the damage', () => errors(ben).includes('FOLDER_CONTENT_DAMAGED'))
    await anna.api.resume({ folder: 'Folder' })
    await ben.until('it to be healed', () => isSame(ben, 'f', large('file')), 40_000)
    await ben.until('rest', () => isIdle(ben) && errors(ben).length === 0, 30_000)
    expect(await versions(anna, 'f')).toBe(1)
    expect(isSame(anna, 'f', large('file'))).toBe(true)
  }, 90_000)
})
