import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { HarpError } from '../../../src/base/errors.ts'
import { ExchangeSession } from '../../../src/sync/exchange/exchange-session.ts'
import { Assembly } from '../../../src/sync/folder/assembly.ts'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'

const daemons = new Daemons()

afterEach(async () => {
  vi.restoreAllMocks()
  await daemons.end()
})

async function knows(device: RealDaemon, path: string): Promise<boolean> {
  try {
    return (await device.api.log({ path: join(device.root, path) })).length > 0
  } catch {
    return false
  }
}

test('a device is not at rest while its log shows a file that its disk has not', async () => {
  const [anna, ben] = await daemons.pair()
  await ben.until(
    'rest',
    () => ben.status().state === 'idle' && ben.status().peers.some(({ connected }) => connected),
  )
  let untrue = 0
  for (let round = 0; round < 3; round++) {
    const name = `f${round}`
    anna.write(name, name)
    const end = performance.now() + 20_000
    while (ben.read(name) === undefined && performance.now() < end) {
      const isThere = await knows(ben, name)
      if (isThere && ben.status().state === 'idle' && ben.read(name) === undefined) untrue++
      await setImmediate()
    }
    expect(ben.read(name)).toBe(name)
  }
  expect(untrue).toBe(0)
})

test('a device is not at rest while it knows of a change that it has not looked at', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  await anna.until('rest', () => anna.status().state === 'idle')
  const states: string[] = []
  for (let round = 0; round < 12; round++) {
    anna.write('busy', `${round}`)
    await pause(100)
    if (round > 3) states.push(anna.status().state)
  }
  expect(states.filter((state) => state === 'idle')).toEqual([])
  await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1)
})

test('a store that cannot be read when a link opens ends the folder, not the process', async () => {
  const [anna, ben] = await daemons.pair()
  await ben.until('rest', () => ben.status().state === 'idle')
  await ben.stop()
  vi.spyOn(ExchangeSession.prototype, 'next').mockImplementationOnce(() => {
    throw new HarpError('SYNC_STORE_CORRUPT', 'the file is damaged')
  })
  await ben.start()
  anna.write('a.txt', 'a')
  await ben.untilReads('a.txt', 'a', 30_000)
  expect(ben.tree()).toEqual(anna.tree())
}, 60_000)

test('a folder whose disk is away stays blocked until it is back', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  anna.write('a.txt', 'a')
  await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1)
  renameSync(anna.root, `${anna.root}-away`)
  mkdirSync(anna.root)
  await anna.api.audit({}).catch(() => undefined)
  await anna.until('the block', () => anna.status().state === 'blocked')
  const states = new Set<string>()
  const end = performance.now() + 7_000
  while (performance.now() < end) {
    states.add(anna.status().state)
    await setImmediate()
  }
  expect([...states]).toEqual(['blocked'])
  rmSync(anna.root, { recursive: true })
  renameSync(`${anna.root}-away`, anna.root)
  await anna.until('rest', () => anna.status().state === 'idle' && anna.status().files === 1)
}, 60_000)

test('a large file that was cut off goes on where it was, within the limit of the rate', async () => {
  const size = 48 * 2 ** 20
  let taken = 0
  const receive = Reflect.get(Assembly.prototype, 'take') as Assembly['take']
  vi.spyOn(Assembly.prototype, 'take').mockImplementation(function (this: Assembly, ...chunk) {
    taken += chunk[1].length
    return Reflect.apply(receive, this, chunk)
  })
  const anna = await (await daemons.start('Anna')).founds()
  const ben = await daemons.start('Ben', { HARP_MAX_DOWNLOAD: '8M' })
  const content = randomBytes(size)
  anna.write('large', content)
  await anna.until('the file', () => anna.status().files === 1 && anna.status().state === 'idle')
  const begun = performance.now()
  await ben.joins(anna)
  await ben.until('half of it', () => taken > size / 2)
  const beforeStop = performance.now()
  expect(taken / (beforeStop - begun)).toBeLessThan(14_000)
  await ben.stop()
  expect(performance.now() - beforeStop).toBeLessThan(9_000)
  await ben.start()
  await ben.until('all of it', () => ben.status().state === 'idle' && ben.status().files === 1, 40_000)
  expect(ben.read('large')).toBe(content.toString('utf8'))
  expect(taken).toBeLessThan(size * 1.2)
}, 90_000)

test('three devices in a row: the one in the middle passes on what the first wrote, and where it is', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  const ben = await daemons.start('Ben')
  const carol = await daemons.start('Carol')
  const { code } = await anna.api.invite({ folder: 'Folder', role: 'admin' })
  await ben.api.join({ code, path: ben.root })
  await ben.until('the role', () => ben.status().role === 'admin' && ben.status().state === 'idle')
  await carol.joins(ben)
  anna.write('small', 'from anna')
  anna.write('large', Buffer.alloc(6_000_000, 'a'))
  carol.write('back', 'from carol')
  await carol.untilReads('small', 'from anna')
  await carol.until('the large one', () => carol.read('large')?.length === 6_000_000)
  await anna.untilReads('back', 'from carol')
  // Nobody gave either of them the other's address.
  const linked = (each: RealDaemon): number => each.status().peers.filter(({ connected }) => connected).length
  for (const each of [anna, carol]) await each.until('two links', () => linked(each) === 2)
  expect(anna.status().errors).toEqual([])
  for (const each of [anna, ben, carol]) await each.until('rest', () => each.status().state === 'idle')
}, 60_000)

test('several folders between two devices, in both directions', async () => {
  const anna = await daemons.start('Anna')
  const ben = await daemons.start('Ben')
  const names = ['One', 'Two', 'Three', 'Four']
  for (const [index, name] of names.entries()) {
    const [owner, guest] = index % 2 === 0 ? [anna, ben] : [ben, anna]
    await owner.api.addFolder({ path: join(owner.root, name), name })
    const { code } = await owner.api.invite({ folder: name })
    await guest.api.join({ code, path: join(guest.root, name) })
  }
  for (const name of names) {
    for (let index = 0; index < 60; index++) anna.write(`${name}/a${index}`, `${name} ${index}`)
    ben.write(`${name}/large`, randomBytes(3_000_000))
  }
  await ben.api.pause({ folder: 'Two' })
  await anna.until('three of them', () =>
    ['One', 'Three', 'Four'].every((name) => (anna.read(`${name}/large`)?.length ?? 0) > 0),
  )
  await ben.api.resume({ folder: 'Two' })
  const visible = (each: RealDaemon): string =>
    each
      .tree()
      .filter((path) => !path.includes('.harp'))
      .join()
  await ben.until(
    'the same',
    () => visible(anna) === visible(ben) && anna.tree().includes('Two/large'),
    30_000,
  )
  for (const each of [anna, ben]) {
    await each.until('rest', () => each.api.status().folders.every(({ state }) => state === 'idle'))
    expect(each.api.status().folders.map(({ files }) => files)).toEqual([61, 61, 61, 61])
  }
}, 90_000)
