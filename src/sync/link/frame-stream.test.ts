import { afterEach, expect, test } from 'vitest'
import { bytesOf, HubGroup, StreamLog, type TestHub } from '../../../test/sync/support/link-hubs.ts'
import { eventually } from '../../../test/support/deadline.ts'
import type { FrameStream, Link, StreamTopic } from './link.ts'
import { frameLimits } from './link-limits.ts'

const hubs = new HubGroup()
afterEach(() => hubs.stop())

const folderId = 'cd'.repeat(32)
const chunks: StreamTopic = { type: 'chunks', folderId }
const log: StreamTopic = { type: 'log', folderId }

interface Pair {
  readonly near: TestHub
  readonly far: TestHub
  readonly link: Link
  readonly accepted: FrameStream[]
  readonly topics: StreamTopic[]
}

async function linked(verdict = 'accept'): Promise<Pair> {
  const accepted: FrameStream[] = []
  const topics: StreamTopic[] = []
  const near = await hubs.start(0)
  const far = await hubs.start(1, {
    onStream: (_link, topic, stream) => {
      topics.push(topic)
      accepted.push(stream)
      return verdict
    },
  })
  near.dials(far)
  const link = await near.linkTo(far)
  return { near, far, link, accepted, topics }
}

function theirs(pair: Pair): Promise<StreamLog> {
  return eventually('the stream', () =>
    pair.accepted[0] === undefined ? undefined : new StreamLog(pair.accepted[0]),
  )
}

test('frames go both ways, and what was sent before a close still arrives', async () => {
  const pair = await linked()
  const ours = new StreamLog(pair.link.open(chunks))
  ours.stream.send(bytesOf('one'), new Uint8Array(100_000))
  ours.stream.send(bytesOf('two'))
  const far = await theirs(pair)
  far.stream.send(bytesOf('answer'), bytesOf('bytes'))
  await eventually('the answer', () => ours.heads[0])
  for (let index = 0; index < 20; index++) ours.stream.send(new Uint8Array(0), new Uint8Array(1_000_000))
  ours.stream.close('enough')
  await eventually('the end', () => far.closed)

  expect(pair.topics).toEqual([chunks])
  expect(far.heads.slice(0, 3)).toEqual(['one', 'two', ''])
  expect(far.payloads.slice(0, 2)).toEqual([100_000, 0])
  expect(far.payloads.slice(2)).toEqual(Array.from({ length: 20 }, () => 1_000_000))
  expect(far.closed).toBe('enough')
  await eventually('our end', () => ours.closed)
  expect([ours.heads, ours.payloads, ours.closed]).toEqual([['answer'], [5], 'enough'])
  expect(ours.stream.send(bytesOf('late'))).toBe(false)
  expect(far.stream.send(bytesOf('late'))).toBe(false)
})

test('a stream that is not wanted ends with the reason', async () => {
  const pair = await linked('no such folder')
  const ours = new StreamLog(pair.link.open(log))
  ours.stream.send(bytesOf('anybody?'))
  await eventually('the refusal', () => ours.closed)
  expect(ours.closed).toBe('no such folder')
  expect(pair.near.hub.links()).toHaveLength(1)
})

test('a reader that pauses stops the sender, at windows that stay within bounds', async () => {
  const pair = await linked()
  const ours = new StreamLog(pair.link.open(chunks))
  ours.stream.send(bytesOf('first'))
  const far = await theirs(pair)
  await eventually('the first', () => far.heads[0])
  far.stream.pause()
  const payload = new Uint8Array(1_000_000)
  let sent = 0
  while (ours.stream.send(bytesOf('x'), payload)) sent++
  sent++
  const other = new StreamLog(pair.link.open(chunks))
  other.stream.send(bytesOf('passes by'))
  const second = await eventually('another stream', () => pair.accepted[1])
  const log2 = new StreamLog(second)
  await eventually('its frame', () => log2.heads[0])

  expect(far.heads).toEqual(['first'])
  expect(sent).toBeLessThan(4)
  far.stream.resume()
  await eventually('the rest', () => (far.heads.length === sent + 1 && ours.drains > 0 ? true : undefined))
})

test('a reader may pause after each frame and misses none', async () => {
  const pair = await linked()
  const ours = new StreamLog(pair.link.open(chunks))
  for (let index = 0; index < 50; index++) ours.stream.send(bytesOf(`${index}`), new Uint8Array(index * 100))
  ours.stream.close('done')
  const stream = await eventually('the stream', () => pair.accepted[0])
  const heads: string[] = []
  let closed: string | undefined
  stream.setHandler({
    onFrame: (head) => {
      heads.push(new TextDecoder().decode(head))
      stream.pause()
      setImmediate(() => stream.resume())
    },
    onDrain: () => {},
    onClose: (reason) => {
      closed = reason
    },
  })
  await eventually('the end', () => closed)
  expect(heads).toEqual(Array.from({ length: 50 }, (_, index) => `${index}`))
})

test.each([
  ['log', frameLimits.log],
  ['chunks', frameLimits.chunks],
] as const)('a %s frame of the largest size passes, and a larger one is not sent', async (type, limit) => {
  const pair = await linked()
  const ours = new StreamLog(pair.link.open({ type, folderId }))
  ours.stream.send(new Uint8Array(limit.headBytes), new Uint8Array(limit.payloadBytes))
  const far = await theirs(pair)
  await eventually('the frame', () => (far.heads.length === 1 ? true : undefined))
  expect([far.heads[0]?.length, far.payloads[0]]).toEqual([limit.headBytes, limit.payloadBytes])
  expect(() => ours.stream.send(new Uint8Array(limit.headBytes + 1))).toThrow(RangeError)
})

test('streams hear of the end of their link', async () => {
  const pair = await linked()
  const ours = new StreamLog(pair.link.open(chunks))
  ours.stream.send(bytesOf('x'))
  const far = await theirs(pair)
  pair.link.close('because')
  await eventually('both ends', () =>
    ours.closed !== undefined && far.closed !== undefined ? true : undefined,
  )
  expect(() => pair.link.open(log)).toThrow(expect.objectContaining({ code: 'LINK_CLOSED' }))
  expect(pair.far.closed).toEqual(['because'])
})

test('memory of a payload that nobody needs is given back once it has left, and not before', async () => {
  const pair = await linked()
  const ours = pair.link.open(chunks)
  ours.setHandler({ onFrame: () => {}, onDrain: () => {}, onClose: () => {} })
  const payloads = Array.from({ length: 12 }, (_, index) => new Uint8Array(1_000_000).fill(index + 1))
  const larger = new Uint8Array(2_000_000).fill(99)
  const kept = new Uint8Array(100_000).fill(98)
  for (const payload of payloads) ours.send(bytesOf('spent'), payload, true)
  ours.send(bytesOf('part'), larger.subarray(0, 1_000_000), true)
  ours.send(bytesOf('kept'), kept)
  // The window is full: the last ones have not left, and must stay as they are.
  expect(payloads.at(-1)).toHaveLength(1_000_000)

  const far = await eventually('the stream', () => pair.accepted[0])
  const sums: string[] = []
  far.setHandler({
    onFrame: (_head, payload) => sums.push(`${payload.length} ${payload[0]} ${payload.at(-1)}`),
    onDrain: () => {},
    onClose: () => {},
  })
  await eventually('all frames', () => sums.length === 14 || undefined)
  expect(sums).toEqual([
    ...payloads.map((_, index) => `1000000 ${index + 1} ${index + 1}`),
    '1000000 99 99',
    '100000 98 98',
  ])
  await eventually('all memory', () => payloads.every(({ length }) => length === 0) || undefined)
  expect([larger.length, kept.length]).toEqual([2_000_000, 100_000])
})
