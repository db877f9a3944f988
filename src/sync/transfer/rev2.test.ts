import { expect, test } from 'vitest'
import { idOfChunk } from '../../../test/sync/support/chunk-shelf.ts'
import { lan, OfficeWorld, slowLine } from '../../../test/sync/support/office-world.ts'
import { concatBytes } from '../format/cbor.ts'
const kib = 1024
function idsOf(chunks: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...chunks.map((chunk) => idOfChunk(chunk)))
}
test('release loop', async () => {
  const world = new OfficeWorld()
  const near = [world.device('a1'), world.device('b2')]
  const far = world.device('f6')
  world.office(near, far)
  world.ticks()
  const chunks = world.chunks(60, 100 * kib)
  for (const chunk of chunks) far.add(chunk)
  const liar = world.liar('0e', near)
  const ids = idsOf(chunks)
  let number = 0
  const again = (): void => {
    for (const say of liar.says) {
      say({ type: 'release', ids })
      say({ type: 'claim', number: number++, ids })
    }
    world.time.after(4_000, again)
  }
  for (const each of near) each.want(chunks)
  again()
  const before = world.time.monotonic()
  await world.untilAllHave(near, chunks, 600_000)
  console.log('release took', world.time.monotonic() - before)
  expect(world.time.monotonic() - before).toBeLessThan(120_000)
})
test.each([1, 2])('slow holder %d', async (n) => {
  const world = new OfficeWorld()
  const a = world.device('a1')
  const slow = world.device('b2')
  const far = world.device('f6')
  world.connect(a, slow, { ...lan, bytesPerSecond: 20_000 })
  world.connect(a, far, n === 1 ? slowLine : lan)
  world.ticks()
  const chunks = world.chunks(120, 100 * kib)
  for (const chunk of chunks) { far.add(chunk); slow.add(chunk) }
  a.want(chunks)
  if (n === 2) slow.presence // near far
  const before = world.time.monotonic()
  await world.untilAllHave([a], chunks, 900_000)
  console.log('slow took', n, world.time.monotonic() - before, a.strikes)
  expect(world.time.monotonic() - before).toBeLessThan(120_000)
})
test('got, drip', async () => {
  const world = new OfficeWorld()
  const a = world.device('a1')
  const slow = world.device('b2')
  const near = world.device('c3')
  world.connect(a, slow, { ...lan, bytesPerSecond: 20_000 })
  world.connect(a, near, lan)
  world.ticks()
  const chunks = world.chunks(120, 100 * kib)
  for (const chunk of chunks) { near.add(chunk); slow.add(chunk) }
  const liar = world.liar('b2', [a])
  a.want(chunks)
  liar.says[0]!({ type: 'got', ids: idsOf(chunks) })
  const before = world.time.monotonic()
  await world.untilAllHave([a], chunks, 900_000)
  console.log('got', world.time.monotonic() - before, a.strikes)
})
