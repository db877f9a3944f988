import { expect, test } from 'vitest'
import { freeName } from './free-name.ts'

test('a name that nobody has is taken as it is', () => {
  expect(freeName(new Set(['music']), 'photos', true)).toBe('photos')
  expect(freeName(new Set(['music']), 'photos', false)).toBe('photos')
})

test('one that was found gets the first free number', () => {
  expect(freeName(new Set(['photos']), 'photos', false)).toBe('photos 2')
  expect(freeName(new Set(['photos', 'photos 2', 'photos 4']), 'photos', false)).toBe('photos 3')
})

test('one that somebody asked for is not changed', () => {
  expect(() => freeName(new Set(['photos']), 'photos', true)).toThrow('"photos"')
})
