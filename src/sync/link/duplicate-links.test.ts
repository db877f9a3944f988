import { expect, test } from 'vitest'
import { replacesLink, type LinkTraits } from './duplicate-links.ts'

const low = 'a'.repeat(64)
const high = 'b'.repeat(64)

/** A link as its two ends see it. */
function ends(dialler: string, instances: { readonly low: string; readonly high: string }) {
  const of = (peer: string): LinkTraits => ({
    peer,
    peerInstance: peer === low ? instances.low : instances.high,
    isDialled: dialler !== peer,
  })
  return { atLow: of(high), atHigh: of(low) }
}

const same = { low: '1', high: '2' }

test('of two links dialled from both sides at once, both ends keep the same one, in whatever order they see them', () => {
  const byLow = ends(low, same)
  const byHigh = ends(high, same)
  for (const [own, first, second] of [
    [low, byLow.atLow, byHigh.atLow],
    [high, byLow.atHigh, byHigh.atHigh],
  ] as const) {
    expect(replacesLink(own, first, second)).toBe(true)
    expect(replacesLink(own, second, first)).toBe(false)
  }
})

test('who dials again has lost the old link, so the newer one stays', () => {
  for (const dialler of [low, high]) {
    const link = ends(dialler, same)
    expect(replacesLink(low, link.atLow, link.atLow)).toBe(true)
    expect(replacesLink(high, link.atHigh, link.atHigh)).toBe(true)
  }
})

test('a process that was started anew replaces the one before', () => {
  const before = ends(high, same)
  const after = ends(low, { low: '3', high: '2' })
  expect(replacesLink(high, before.atHigh, after.atHigh)).toBe(true)
})
