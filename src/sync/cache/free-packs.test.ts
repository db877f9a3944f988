import { expect, test } from 'vitest'
import { freePacks } from './free-packs.ts'

const mib = 1024 * 1024

/** A disk with packs of 1 MiB, of which so many bytes are free. */
function disk(names: readonly string[], free: number) {
  const packs = new Set(names)
  return {
    packs,
    free: () => free + (names.length - packs.size) * mib,
    list: () => [...packs].map((name) => ({ name, isText: true })),
    stat: (path: string) => ({ size: path.endsWith('packs') ? 0 : mib }) as never,
    unlink: (path: string) => void packs.delete(path.split('/').at(-1)!),
  }
}

const names = Array.from({ length: 200 }, (_, number) => `${String(number + 1).padStart(6, '0')}.pack`)

test('the oldest packs go until there is a little room', () => {
  const full = disk([...names.toReversed(), 'notes.txt'], 0)
  expect(freePacks(full, '/cache')).toBe(3)
  expect(full.packs.size).toBe(198)
  expect(full.packs.has('000003.pack')).toBe(false)
  expect(full.packs.has('000004.pack')).toBe(true)
  expect(full.packs.has('notes.txt')).toBe(true)
})

test('none if there is room, or no pack', () => {
  expect(freePacks(disk(names, 100 * mib), '/cache')).toBe(0)
  expect(freePacks(disk([], 0), '/cache')).toBe(0)
  const nothing = { ...disk([], 0), stat: () => undefined }
  expect(freePacks(nothing, '/cache')).toBe(0)
})
