import { expect, test } from 'vitest'
import { DialTurns } from './dial-turns.ts'

const ids = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

function all(turns: DialTurns): string[] {
  const found: string[] = []
  for (let id = turns.next(); id !== undefined; id = turns.next()) found.push(id)
  return found
}

test('16 at a time, in the order in which they came, the next when one is done', () => {
  const turns = new DialTurns()
  for (const id of ids(18, 'a')) turns.ask(id, 0, false)
  expect(all(turns)).toEqual(ids(16, 'a'))
  turns.done()
  expect(all(turns)).toEqual(['a16'])
  turns.done()
  turns.done()
  expect(all(turns)).toEqual(['a17'])
})

test('who was linked last takes turns with who has waited longest', () => {
  const turns = new DialTurns()
  for (const id of ids(16, 'busy')) turns.ask(id, 0, false)
  all(turns)
  const lastLinked = { a: 0, b: 0, c: 1, d: 3, e: 2 }
  for (const [id, last] of Object.entries(lastLinked)) turns.ask(id, last, false)
  for (let count = 0; count < 5; count++) turns.done()
  expect(all(turns)).toEqual(['d', 'a', 'e', 'b', 'c'])
})

test('8 more places are for those that were just seen', () => {
  const turns = new DialTurns()
  for (const id of ids(20, 'a')) turns.ask(id, 0, false)
  all(turns)
  for (const id of ids(9, 'seen')) turns.ask(id, 0, true)
  expect(all(turns)).toEqual(ids(8, 'seen'))
  turns.done()
  expect(all(turns)).toEqual(['seen8'])
  for (let count = 0; count < 9; count++) turns.done()
  expect(all(turns)).toEqual(['a16'])
})

test('who waits and is seen goes first, and stays urgent; who is forgotten does not come', () => {
  const turns = new DialTurns()
  for (const id of ids(20, 'a')) turns.ask(id, 0, false)
  all(turns)
  turns.ask('a18', 0, true)
  turns.ask('a18', 0, false)
  turns.forget('a16')
  expect(all(turns)).toEqual(['a18'])
  turns.done()
  turns.done()
  expect(all(turns)).toEqual(['a17'])
  turns.clear()
  turns.done()
  expect(all(turns)).toEqual([])
})
