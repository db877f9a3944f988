import { expect, test } from 'vitest'
import { linkLimits } from './link-limits.ts'
import { StrangerGate } from './stranger-gate.ts'

test('one address cannot take all places of those who have not shown a key', () => {
  const gate = new StrangerGate(() => 0)
  const leaves = Array.from({ length: linkLimits.handshakesOfAddress }, () => gate.enter('10.0.0.1'))
  expect(leaves.every((leave) => leave !== undefined)).toBe(true)
  expect(gate.enter('10.0.0.1')).toBeUndefined()
  expect(gate.enter('10.0.0.2')).toBeDefined()

  leaves[0]?.()
  leaves[0]?.()
  expect(gate.enter('10.0.0.1')).toBeDefined()
  expect(gate.enter('10.0.0.1')).toBeUndefined()
})

test('addresses of one IPv6 network count as one', () => {
  const gate = new StrangerGate(() => 0)
  for (let index = 0; index < linkLimits.handshakesOfAddress; index++) gate.enter(`2001:db8::${index}`)
  expect(gate.enter('2001:db8::ffff')).toBeUndefined()
  expect(gate.enter('2001:db8:0:1::1')).toBeDefined()
})

test('all places together are limited', () => {
  const gate = new StrangerGate(() => 0)
  for (let index = 0; index < linkLimits.handshakes; index++) {
    expect(gate.enter(`10.0.${index}.1`)).toBeDefined()
  }
  expect(gate.enter('10.1.0.1')).toBeUndefined()
  for (let index = 0; index < linkLimits.strangers; index++) expect(gate.enterStranger()).toBeDefined()
  expect(gate.enterStranger()).toBeUndefined()
})

test('after too many failed joins an address waits a minute', () => {
  let now = 0
  const gate = new StrangerGate(() => now)
  for (let index = 0; index < linkLimits.failures; index++) {
    expect(gate.isBarred('10.0.0.1')).toBe(false)
    gate.failed('10.0.0.1')
  }
  expect(gate.isBarred('10.0.0.1')).toBe(true)
  expect(gate.isBarred('10.0.0.2')).toBe(false)

  now = linkLimits.failuresAgeMs + 1
  expect(gate.isBarred('10.0.0.1')).toBe(false)
  gate.failed('10.0.0.1')
  expect(gate.isBarred('10.0.0.1')).toBe(false)
})
