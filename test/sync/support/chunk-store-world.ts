import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect } from 'vitest'
import { SqliteChunks } from '../../../src/sync/chunks/sqlite-chunks.ts'
import { toHex } from '../../../src/sync/ids.ts'
import type { ChunkSource } from '../../../src/sync/work/job.ts'
import { LosingDisk } from './losing-disk.ts'
import { rowsOf, sampleChunk, sealedOf } from './sample-chunks.ts'

export const chunks = Array.from({ length: 24 }, (_, number) => sampleChunk(number))
const version = (number: number): string => number.toString(16).padStart(64, '0')

interface Facts {
  packed: Set<number>
  files: Map<number, readonly number[]>
  kept: Map<string, readonly number[]>
  lists: Map<string, Uint8Array>
}

export const copyOf = ({ packed, files, kept, lists }: Facts): Facts => ({
  packed: new Set(packed),
  files: new Map(files),
  kept: new Map(kept),
  lists: new Map(lists),
})

/** A store, and plain maps that say what shall be in it. Files 7 and up are gone from the disk. */
export class ChunkWorld {
  readonly database = new DatabaseSync(':memory:')
  readonly disk = new LosingDisk()
  now: Facts = { packed: new Set(), files: new Map(), kept: new Map(), lists: new Map() }
  committed = copyOf(this.now)
  store = this.open()

  open(): SqliteChunks {
    return new SqliteChunks({
      directory: '/store',
      database: this.database,
      packs: this.disk,
      packBytes: 700,
      places: {
        itemPath: (item) => (item < 7 ? `/files/${item}` : undefined),
        keptPath: (kept) => `/kept/${kept}`,
      },
    })
  }

  commit(): void {
    this.store.commit()
    this.committed = copyOf(this.now)
  }

  crash(torn: boolean): void {
    this.store.close()
    this.disk.crash(torn)
    this.store = this.open()
    this.now = copyOf(this.committed)
    // A pack that nobody knew of may have been whole: what is in it is welcome.
    for (const [number, { id }] of chunks.entries()) {
      if (this.store.find(id)?.in === 'pack') this.now.packed.add(number)
    }
    this.committed = copyOf(this.now)
  }

  content(path: string): Buffer | undefined {
    const [, kind, name] = path.split('/')
    const numbers = kind === 'files' ? this.now.files.get(Number(name)) : this.now.kept.get(name!)
    return numbers && Buffer.concat(numbers.map((number) => plain(number)))
  }

  expectAt(number: number, source: ChunkSource): void {
    if (source.in === 'pack') {
      const { offset, sealedLength, path } = source
      const bytes = this.disk.at(path).subarray(offset, offset + sealedLength)
      expect(bytes.equals(chunks[number]!.sealed)).toBe(true)
    } else {
      const bytes = this.content(source.path)!.subarray(source.offset, source.offset + source.length)
      expect(bytes.equals(plain(number))).toBe(true)
      expect(source.key).toEqual(chunks[number]!.key)
    }
  }

  /** A store that failed takes no writes, so it cannot pass over items that are gone. */
  check(isFailed = false): void {
    const { packed, files, kept, lists } = this.now
    const holders = [...files, ...kept]
    const inFiles = new Set(
      holders.flatMap(([holder, numbers]) =>
        Number(holder) >= 7 && !kept.has(String(holder)) ? [] : numbers,
      ),
    )
    for (const [number, { id }] of chunks.entries()) {
      const source = this.store.find(id)
      const place = packed.has(number) ? 'pack' : inFiles.has(number) ? 'file' : undefined
      if (!isFailed || source !== undefined) expect(source?.in).toBe(place)
      else expect(place).not.toBe('pack')
      if (!isFailed || source !== undefined) expect(this.store.has(id)).toBe(source !== undefined)
      if (source !== undefined) this.expectAt(number, source)
    }
    for (let number = 0; number < 4; number++) {
      expect(this.store.isKept(version(number))).toBe(kept.has(version(number)))
      expect(this.store.list(version(number))).toEqual(lists.get(version(number)))
    }
    const sizes = [...kept].map(([name, numbers]) => ({ version: name, size: sizeOf(numbers) }))
    expect(this.store.kept()).toEqual(
      sizes.toSorted((left, right) => (left.version < right.version ? -1 : 1)),
    )
    const stats = this.store.stats()
    expect(stats.chunks).toBe(packed.size)
    expect(stats.keptBytes).toBe(sizes.reduce((sum, { size }) => sum + size, 0))
  }
}

const plain = (number: number): Buffer => Buffer.from(chunks[number]!.sealed.subarray(16))
const sizeOf = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + chunks[number]!.sealed.length - 16, 0)
const some = (numbers: readonly number[]) => numbers.map((number) => chunks[number]!)

const numbers = fc.array(fc.nat({ max: chunks.length - 1 }), { maxLength: 6 })
const holder = fc.nat({ max: 3 })
export const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('seal' as const), numbers }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('file' as const), item: fc.integer({ min: 1, max: 9 }), numbers }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('unfile' as const), item: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('keep' as const), holder, numbers }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unkeep' as const), holder }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), holder }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), number: fc.nat({ max: 23 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('collect' as const),
      wanted: fc.uniqueArray(fc.nat({ max: 23 }), { maxLength: 20 }),
      commits: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('scrub' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), torn: fc.boolean() }) },
)
type Operation = typeof operation extends fc.Arbitrary<infer Step> ? Step : never

/** Does one step to the store and to the maps, and expects what can be seen at once. */
export function run(world: ChunkWorld, step: Operation): void {
  const { store, now } = world
  switch (step.do) {
    case 'seal':
      store.addSealed(rowsOf(some(step.numbers)), sealedOf(some(step.numbers)))
      for (const number of step.numbers) now.packed.add(number)
      break
    case 'file':
      store.addFile(step.item, rowsOf(some(step.numbers)))
      now.files.set(step.item, step.numbers)
      break
    case 'unfile':
      store.removeFile(step.item)
      now.files.delete(step.item)
      break
    case 'keep':
      store.addKept(version(step.holder), rowsOf(some(step.numbers)), sizeOf(step.numbers))
      now.kept.set(version(step.holder), step.numbers)
      break
    case 'unkeep':
      store.removeKept(version(step.holder))
      now.kept.delete(version(step.holder))
      break
    case 'list': {
      const list = new Uint8Array(step.holder * 100).fill(step.holder + 1)
      store.addList(version(step.holder), list)
      now.lists.set(version(step.holder), list)
      break
    }
    case 'forget': {
      const { id } = chunks[step.number]!
      const source = store.find(id)
      if (source?.in !== 'pack') break
      store.forget(id, { ...source, offset: source.offset + 1 })
      expect(store.find(id)).toEqual(source)
      store.forget(id, source)
      now.packed.delete(step.number)
      break
    }
    case 'collect': {
      const wanted = new Set(step.wanted.map((number) => toHex(chunks[number]!.id)))
      for (let calls = 0; !store.collect((id) => wanted.has(toHex(id))).done; calls++) {
        expect(calls).toBeLessThan(100)
        if (step.commits && calls % 2 === 0) store.commit()
      }
      for (const number of now.packed) if (!step.wanted.includes(number)) now.packed.delete(number)
      if (!step.commits) break
      world.commit()
      const { packBytes, packs } = store.stats()
      const wantedBytes = [...now.packed].reduce((sum, number) => sum + chunks[number]!.sealed.length + 36, 0)
      expect(packBytes).toBeLessThanOrEqual(2 * wantedBytes + 16 * packs)
      expect(world.disk.files.size).toBe(packs)
      break
    }
    case 'scrub':
      for (;;) {
        const { damaged, done } = store.scrub(300)
        expect(damaged).toEqual([])
        if (done) break
      }
      break
    case 'commit':
      world.commit()
      break
    case 'crash':
      world.crash(step.torn)
      world.check()
      break
  }
}

/** Whether the disk held out; if not, the store must say so, and take nothing more. */
export function survives(world: ChunkWorld, operations: readonly Operation[]): boolean {
  try {
    for (const step of operations) if (step.do !== 'crash' && step.do !== 'collect') run(world, step)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'SYNC_STORE_FULL' })
    expect(() => world.store.addFile(1, rowsOf([]))).toThrow(error as Error)
    expect(() => world.store.commit()).toThrow(error as Error)
    return false
  }
}
