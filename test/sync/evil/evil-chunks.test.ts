import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentHandler } from '../support/evil-member.ts'
import { EvilWorld, type Answer, type EvilMember } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'
import { encodeChunkMessage } from '../../../src/sync/transfer/chunk-message-codec.ts'
import { eventually } from '../../support/deadline.ts'

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

async function annaNames(what: RegExp): Promise<void> {
  await anna.until('the culprit to be named', () =>
    anna.status().errors.some(({ message }) => message.startsWith('Mallory (') && what.test(message)),
  )
}

/** Ben joins, writes, and reaches Anna. */
async function benReachesAnna(): Promise<RealDaemon> {
  const ben = await (await world.daemon(() => new RealDaemon('Ben'))).joins(anna)
  ben.write('ben.txt', 'ben')
  await anna.untilReads('ben.txt', 'ben')
  return ben
}

test('a member that keeps the rules is a member like others', async () => {
  mallory.writes(mallory.put('m.txt', mallory.file(Buffer.from('mallory'))))
  await anna.untilReads('m.txt', 'mallory')
  mallory.writes(mallory.put('big', mallory.file(randomBytes(3_000_000))))
  await anna.until('rest', () => anna.read('big')?.length !== undefined && anna.status().state === 'idle')
  expect(anna.status().errors).toEqual([])
})

describe('chunks that are not what they should be:', () => {
  const lies: [string, (good: Uint8Array) => Uint8Array][] = [
    ['other bytes', (good) => randomBytes(good.length)],
    ['one bit', (good) => good.map((byte, at) => (at === 7 ? byte ^ 1 : byte))],
    ['too long', (good) => Buffer.concat([good, Buffer.alloc(1)])],
    ['too short', (good) => good.slice(0, -1)],
    ['one byte', () => Buffer.of(1)],
    ['as long as can be', () => Buffer.alloc(1024 * 1024 + 64 * 1024)],
  ]

  test.each(lies)('%s', async (_what, lie) => {
    // Both kinds: put together in memory, and in a temporary file.
    for (const size of [20, 3_000_000]) {
      const file = mallory.file(randomBytes(size))
      mallory.writes(...[1, 2, 3].map((index) => mallory.put(`m${size}-${index}`, file)))
    }
    for (const [id, good] of mallory.chunks) mallory.chunks.set(id, lie(good))
    await annaNames(/chunk/)
    expect(anna.tree()).toEqual(['a.txt'])
    await benReachesAnna()
  })
})

describe('answers that nobody asked for:', () => {
  const answers: [string, Answer][] = [
    [
      'chunks',
      (_message, send) => send({ type: 'chunks', request: 99, first: 0, lengths: [3] }, Buffer.alloc(3)),
    ],
    ['a list', (message, send) => send({ type: 'list', request: message.request, offset: 0, total: 0 })],
    ['questions', (_message, send) => send({ type: 'want', request: 0, ids: new Uint8Array(32) })],
    ['no CBOR', (_message, _send, stream) => void stream.send(randomBytes(100))],
    ['a bomb of CBOR', (_message, _send, stream) => void stream.send(Buffer.alloc(60_000, 0x81))],
    [
      'an array of 2^32',
      (_message, _send, stream) => void stream.send(Buffer.from('a4000201000200039affffffff', 'hex')),
    ],
  ]

  test.each(answers)('%s', async (_what, answer) => {
    mallory.answer = answer
    mallory.writes(mallory.put('m', mallory.file(Buffer.from('mallory'))))
    await annaNames(/./)
    await benReachesAnna()
    expect(anna.tree()).toEqual(['a.txt', 'ben.txt'])
  })
})

test('a flood of chunks that nobody asked for ends the stream, and is not kept', async () => {
  const flood = Buffer.alloc(1024 * 1024)
  mallory.answer = (message, send) => {
    for (let count = 0; count < 200; count++) {
      send({ type: 'chunks', request: message.request + count, first: 0, lengths: [flood.length] }, flood)
    }
  }
  mallory.writes(mallory.put('m', mallory.file(Buffer.from('mallory'))))
  await annaNames(/./)
  await benReachesAnna()
  expect(anna.tree()).toEqual(['a.txt', 'ben.txt'])
})

describe('one who asks for too much:', () => {
  beforeEach(async () => {
    anna.write('big', randomBytes(8_000_000))
    await mallory.sees(['big'])
  })

  test('as many streams as the link takes are not served', async () => {
    const refusals: string[] = []
    for (let index = 0; index < 100; index++) {
      const stream = mallory.link!.open({ type: 'chunks', folderId: mallory.folderId })
      stream.setHandler({ ...silentHandler, onClose: (reason) => void refusals.push(reason) })
    }
    await eventually('the refusals', () => (refusals.length >= 96 ? true : undefined))
    expect(refusals).toHaveLength(96)
    expect(new Set(refusals)).toEqual(new Set(['too many chunk streams']))
  })

  test('more questions at once than a stream takes end it, and the link stays', async () => {
    const stream = mallory.link!.open({ type: 'chunks', folderId: mallory.folderId })
    let end = ''
    stream.setHandler({ ...silentHandler, onClose: (reason) => void (end = reason) })
    stream.pause()
    const ids = mallory.idsOf('big', 256)
    for (let request = 0; request < 100; request++) {
      stream.send(encodeChunkMessage({ type: 'want', request, ids }))
    }
    await annaNames(/too many requests/)
    stream.resume()
    await eventually('the end', () => (end === '' ? undefined : true))
    expect(end).toBe('refused: too many requests')
    expect(mallory.link).toBeDefined()
    await benReachesAnna()
  })

  test('one who asks and never reads costs little memory, and others are served', async () => {
    const ids = mallory.idsOf('big', 256)
    const before = process.memoryUsage.rss()
    for (let index = 0; index < 60; index++) {
      const stream = mallory.link!.open({ type: 'chunks', folderId: mallory.folderId })
      stream.setHandler(silentHandler)
      stream.pause()
      for (let request = 0; request < 20; request++) {
        stream.send(encodeChunkMessage({ type: 'want', request, ids }))
      }
    }
    const ben = await benReachesAnna()
    await ben.until('the big one', () => ben.tree().includes('big'))
    expect(process.memoryUsage.rss() - before).toBeLessThan(350_000_000)
  })

  test('questions for what is not there are answered, however many', async () => {
    const stream = mallory.link!.open({ type: 'chunks', folderId: mallory.folderId })
    let answers = 0
    const ids = randomBytes(256 * 32)
    const ask = (request: number): void => {
      stream.send(encodeChunkMessage({ type: 'want', request, ids }))
    }
    stream.setHandler({
      ...silentHandler,
      onFrame: () => {
        answers++
        if (answers < 2_000) ask(answers + 30)
      },
    })
    for (let request = 0; request < 30; request++) ask(request)
    await benReachesAnna()
    await eventually('the answers', () => (answers >= 2_000 ? true : undefined))
    expect(mallory.link).toBeDefined()
  })
})
