import { expect, test } from 'vitest'
import { ownMemory } from './own-memory.ts'
import { collectSpentMemory, spend } from './spent-memory.ts'

const piece = 65_536
const pieces = 400

test('what was read and dropped is freed without a search of all memory', async () => {
  collectSpentMemory()
  spend(pieces * piece)
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < pieces; n++) ownMemory(piece)
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan((pieces * piece) / 2)
  spend(pieces * piece)
  const freed = (): number => pieces * piece - (process.memoryUsage().arrayBuffers - before)
  await expect.poll(freed).toBeGreaterThan((pieces * piece) / 2)
})
