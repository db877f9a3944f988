import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ChunkWorld,
  chunks,
  copyOf,
  operation,
  run,
  survives,
} from '../../../test/sync/support/chunk-store-world.ts'
import { rowsOf, sealedOf } from '../../../test/sync/support/sample-chunks.ts'

describe('a chunk store against plain maps', () => {
  test('any operations, and a loss of power between them', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const world = new ChunkWorld()
        for (const step of operations) run(world, step)
        world.check()
        world.crash(false)
        world.check()
        world.store.close()
        expect(world.disk.openFiles).toBe(0)
        world.database.close()
      }),
      { numRuns: 150 },
    )
  })

  test('a disk that fails at any call: what was committed is there, before and after opening again', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), fc.nat({ max: 40 }), (operations, budget) => {
        const world = new ChunkWorld()
        world.disk.budget = budget
        if (!survives(world, operations)) {
          world.now = copyOf(world.committed)
          world.check(true)
        }
        world.crash(true)
        world.check()
        world.store.addSealed(rowsOf(chunks), sealedOf(chunks))
        for (const number of chunks.keys()) world.now.packed.add(number)
        world.commit()
        world.check()
        expect(world.store.stats().chunks).toBe(chunks.length)
      }),
      { numRuns: 100 },
    )
  })
})
