import { EventEmitter } from 'node:events'
import { expect, test, vi } from 'vitest'
import { linkLimits } from './link-limits.ts'
import { OpenConnections, type OpenLink } from './open-connections.ts'

/** `isProlonged`: its other end does not take the goodbye. */
function fakeLink(peer: string, isProlonged = false) {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const said: string[] = []
  const link: OpenLink = {
    peer,
    closed,
    close: (reason) => {
      said.push(reason)
      if (!isProlonged) resolve()
    },
    destroy: () => {
      said.push('destroyed')
      resolve()
    },
  }
  return { ...link, said }
}

class FakeSocket extends EventEmitter {
  readonly said: string[] = []

  destroySoon(): void {
    this.said.push('soon')
  }

  destroy(): void {
    this.said.push('destroyed')
  }
}

test('a device has a number of connections, and all devices together', async () => {
  const connections = new OpenConnections()
  const links = Array.from({ length: linkLimits.linksOfDevice }, () => fakeLink('a'))
  for (const each of links) {
    expect(connections.isCrowded('a')).toBe(false)
    connections.add(each)
  }
  expect([connections.isCrowded('a'), connections.isCrowded('b')]).toEqual([true, false])
  links[0]!.close('done')
  await links[0]!.closed
  await Promise.resolve()
  expect(connections.isCrowded('a')).toBe(false)
  for (let at = links.length - 1; at < linkLimits.links; at++) {
    expect(connections.isCrowded('b')).toBe(false)
    connections.add(fakeLink(`${at}`))
  }
  expect(connections.isCrowded('b')).toBe(true)
})

test('who takes the goodbye is not cut off; what does not end is', async () => {
  vi.useFakeTimers()
  try {
    const connections = new OpenConnections()
    const [quick, slow] = [fakeLink('a'), fakeLink('b', true)]
    const [gone, open] = [new FakeSocket(), new FakeSocket()]
    connections.add(quick)
    connections.add(slow)
    connections.addJoin(gone)
    connections.addJoin(open)
    gone.emit('close')
    const closing = connections.close()
    await vi.runAllTimersAsync()
    await closing
    expect([quick.said, slow.said]).toEqual([['stopping'], ['stopping', 'destroyed']])
    expect([gone.said, open.said]).toEqual([[], ['soon', 'destroyed']])
  } finally {
    vi.useRealTimers()
  }
})
