import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodePresence } from '../../../src/sync/presence/presence-message-codec.ts'
import type { PresenceMessage } from '../../../src/sync/presence/presence-message.ts'
import type { FrameStream } from '../../../src/sync/link/link.ts'
import { eventually } from '../../support/deadline.ts'
import { EvilWorld, silentHandler, type EvilMember } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'

const world = new EvilWorld()
let anna: RealDaemon
let mallory: EvilMember

beforeEach(async () => {
  anna = await (await world.daemon(() => new RealDaemon('Anna'))).founds()
  anna.write('a.txt', 'anna')
  mallory = await world.member(anna)
  await mallory.sees(['a.txt'])
})
afterEach(() => world.end())

interface Opened {
  readonly stream: FrameStream
  readonly end: Promise<string>
  readonly say: (message: PresenceMessage) => void
}

/** In place of the stream that Anna may have opened herself. */
function open(): Opened {
  const stream = mallory.link!.open({ type: 'presence', folderId: mallory.folderId })
  const { promise, resolve } = Promise.withResolvers<string>()
  stream.setHandler({ ...silentHandler, onClose: resolve })
  return { stream, end: promise, say: (message) => void stream.send(encodePresence(message)) }
}

async function benReachesAnna(): Promise<RealDaemon> {
  const ben = await (await world.daemon(() => new RealDaemon('Ben'))).joins(anna)
  ben.write('ben.txt', 'ben')
  await anna.untilReads('ben.txt', 'ben')
  return ben
}

describe('what is no message ends the stream, names the culprit, and harms nobody:', () => {
  const frames: [string, Uint8Array][] = [
    ['no CBOR', randomBytes(100)],
    ['a bomb of CBOR', Buffer.alloc(160 * 1024, 0x81)],
    ['an array of 2^32', Buffer.from('a20002019affffffff', 'hex')],
    ['an answer to no claim', encodePresence({ type: 'answer', number: 3, verdicts: Uint8Array.of(2) })],
    ['an answer to no question', encodePresence({ type: 'holds', number: 3, bits: Uint8Array.of(1) })],
  ]

  test.each(frames)('%s', async (_what, frame) => {
    const { stream, end } = open()
    stream.send(frame)
    expect(await end).toMatch(/^refused/)
    expect(mallory.link).toBeDefined()
    await anna.until('the culprit to be named', () =>
      anna.status().errors.some(({ message }) => message.startsWith('Mallory (')),
    )
    const again = open()
    expect(await again.end).toBe('refused for what it sent')
    await benReachesAnna()
  })
})

test('a flood of messages is cut off', async () => {
  const { end, say } = open()
  const ids = randomBytes(1_024 * 32)
  for (let count = 0; count < 5_000; count++) say({ type: 'claim', number: count, ids })
  expect(await end).toMatch(/^refused: too many/)
  await benReachesAnna()
})

test('whoever claims everything and fetches nothing does not keep others from it', async () => {
  const { say } = open()
  const file = mallory.file(randomBytes(200_000))
  for (let number = 0; number < 20; number++) say({ type: 'claim', number, ids: file.rows.ids })
  say({ type: 'got', ids: file.rows.ids })
  say({ type: 'release', ids: randomBytes(32 * 1_024) })
  mallory.writes(mallory.put('m.bin', file))
  await anna.until('the file', () => anna.read('m.bin') !== undefined, 60_000)
  expect(anna.status().errors).toEqual([])
})

test('addresses of strangers are not kept, and those of members are not believed', async () => {
  const ben = await benReachesAnna()
  const { say } = open()
  const stranger = 'ab'.repeat(32)
  const known = [
    { device: stranger, addresses: ['127.0.0.1:9'], ageSeconds: 0 },
    { device: mallory.target, addresses: ['127.0.0.1:9'], ageSeconds: 0 },
  ]
  for (let count = 0; count < 50; count++) say({ type: 'addresses', known })
  anna.write('later.txt', 'later')
  await ben.untilReads('later.txt', 'later')
  expect(JSON.stringify(anna.api.peers())).not.toContain('127.0.0.1:9"')
})

test('questions are answered, and a fifth at once ends the stream', async () => {
  let answers = 0
  const stream = mallory.link!.open({ type: 'presence', folderId: mallory.folderId })
  const { promise, resolve } = Promise.withResolvers<string>()
  stream.setHandler({ ...silentHandler, onFrame: () => void answers++, onClose: resolve })
  const ids = randomBytes(4_096 * 32)
  for (let number = 0; number < 4; number++) stream.send(encodePresence({ type: 'ask-holds', number, ids }))
  // The state comes too.
  await eventually('the answers', () => (answers >= 5 ? true : undefined))
  for (let number = 4; number < 9; number++) stream.send(encodePresence({ type: 'ask-holds', number, ids }))
  expect(await promise).toBe('refused: too many questions')
})
