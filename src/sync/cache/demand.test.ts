import { expect, test } from 'vitest'
import { CacheWorld } from '../../../test/sync/support/cache-world.ts'
import { lan, OfficeWorld, slowLine, type OfficeDevice } from '../../../test/sync/support/office-world.ts'
import { toHex, type DeviceId } from '../ids.ts'
import { textOf } from './asked-chunks.ts'

const mib = 1024 * 1024
const chunkBytes = 100_000

/** Takes what comes, and gives nothing on: as one that puts an old version into another place. */
class Reader {
  readonly device: OfficeDevice
  readonly got = new Map<string, DeviceId>()

  constructor(device: OfficeDevice) {
    this.device = device
  }

  take(id: Uint8Array, _sealed: Uint8Array, peer: DeviceId): 'ok' {
    this.got.set(toHex(id), peer)
    return 'ok'
  }

  read(ids: readonly Uint8Array[]): void {
    for (const id of ids) this.device.fetcher.want(id, chunkBytes, this)
  }
}

/** Caches and readers in one office, and the origin of all at the other end of a slow line. */
class CachedOffice {
  readonly world = new OfficeWorld()
  readonly origin = this.world.device('f6')
  readonly readers: Reader[]
  readonly devices: OfficeDevice[]
  readonly caches: CacheWorld[]

  constructor(names: { readonly caches: readonly string[]; readonly readers: readonly string[] }) {
    this.devices = names.caches.map((name) => this.world.device(name))
    this.readers = names.readers.map((name) => new Reader(this.world.device(name)))
    const caches = this.devices.map(({ device }) => device)
    this.caches = this.devices.map(({ fetcher, shelf }) => {
      const cache = new CacheWorld(16 * mib, { fetcher, timers: this.world.time, caches })
      const source = { in: 'pack', path: 'right', offset: 0, sealedLength: chunkBytes } as const
      const find = (id: Uint8Array) => (cache.ask(id) ? source : undefined)
      Object.assign(shelf, { has: (id: Uint8Array) => cache.chunks.has(id) })
      Object.assign(shelf.store, { find })
      cache.side.start()
      return cache
    })
    this.#pass(0)
  }

  /** Caches that have what is newest. Returns what none of them has. */
  async fill(haveLines: boolean): Promise<Uint8Array[]> {
    const old = this.#write(80)
    for (const cache of this.caches) cache.wall += 86_400_000
    const recent = this.#write(120)
    const neighbours = [...this.devices, ...this.readers.map(({ device }) => device)]
    for (const [index, left] of neighbours.entries()) {
      for (const right of neighbours.slice(index + 1)) this.world.connect(left, right, lan)
    }
    for (const each of haveLines ? neighbours : this.devices) this.world.connect(each, this.origin, slowLine)
    this.world.ticks()
    const isFull = (cache: CacheWorld): boolean => cache.side.state === 'idle' && cache.holds(recent) === 120
    await this.until('the caches are full', () => this.caches.every(isFull))
    return old.filter((id) => !this.caches.some(({ chunks }) => chunks.has(id)))
  }

  get strikes(): string[] {
    return this.world.devices.flatMap(({ strikes }) => strikes)
  }

  async stop(): Promise<void> {
    for (const { side } of this.caches) await side.stop()
  }

  #write(count: number): Uint8Array[] {
    const [first, ...others] = this.caches
    const ids = first!.write(count, chunkBytes)
    for (const other of others) other.writeIds(ids)
    for (const id of ids) {
      const sealed = first!.neighbours.chunks.get(textOf(id))!
      for (const { shelf } of [this.origin, ...this.devices]) shelf.add(sealed, 0, id)
    }
    return ids
  }

  async until(what: string, probe: () => boolean): Promise<void> {
    await this.world.time.until(what, probe, 120_000)
  }

  async hasRead(ids: readonly Uint8Array[]): Promise<void> {
    const isRead = (): boolean => this.readers.every(({ got }) => ids.every((id) => got.has(toHex(id))))
    await this.until('all is read', isRead)
  }

  #pass(count: number): void {
    for (const cache of this.caches) {
      cache.monotonic += 10
      cache.wall += 10
      if (count % 100 === 0) cache.side.tick()
    }
    this.world.time.after(10, () => this.#pass(count + 1))
  }
}

test.each([
  ['the cache has the lesser id', { caches: ['a1'], readers: ['b2'] }],
  ['the reader has the lesser id', { caches: ['e5'], readers: ['b2'] }],
  ['there are two readers', { caches: ['c3'], readers: ['b2', 'd4'] }],
  ['there are two caches', { caches: ['a1', 'e5'], readers: ['c3'] }],
])('what a reader misses comes over the slow line once, for reader and cache: %s', async (_what, names) => {
  const office = new CachedOffice(names)
  const missed = await office.fill(true)
  expect(missed.length).toBeGreaterThan(20)
  const { world, caches } = office
  const before = world.farBytes
  const since = world.time.monotonic()
  // A file at a time, at no certain time of the cache's second.
  for (let at = 0; at < missed.length; at += 5) {
    const file = missed.slice(at, at + 5)
    for (const reader of office.readers) reader.read(file)
    await office.hasRead(file)
    await world.time.advance(137)
  }
  expect(world.time.monotonic() - since).toBeLessThan(800 * (missed.length / 5 + 1))
  await world.time.advance(5_000)
  expect(world.farBytes - before).toBeLessThan(1.05 * missed.length * chunkBytes)
  expect(Math.max(...caches.map((cache) => cache.holds(missed)))).toBeGreaterThan(0.9 * missed.length)
  expect(office.strikes).toEqual([])
  await office.stop()
})

test('a reader without a line of its own does not wait for the next second', async () => {
  const office = new CachedOffice({ caches: ['a1'], readers: ['b2'] })
  const missed = (await office.fill(false)).slice(0, 5)
  const { world } = office
  const before = world.farBytes
  const since = world.time.monotonic()
  office.readers[0]!.read(missed)
  await office.hasRead(missed)
  expect(world.time.monotonic() - since).toBeLessThan(600)
  expect(world.farBytes - before).toBeLessThan(1.05 * 5 * chunkBytes)
  await office.stop()
})
