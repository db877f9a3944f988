import { describe, expect, test } from 'vitest'
import { framePair } from '../../../test/sync/support/frame-pair.ts'
import { listHash } from '../../../test/sync/support/chunk-shelf.ts'
import { rowsOf, sampleChunk, type SampleChunk } from '../../../test/sync/support/sample-chunks.ts'
import { VirtualTime } from '../../../test/support/virtual-time.ts'
import type { WantedContent } from '../plan/wanted.ts'
import { toHex } from '../ids.ts'
import { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import { decodeChunkMessage, encodeChunkMessage } from '../transfer/chunk-message-codec.ts'
import { RateLimit } from '../transfer/rate-limit.ts'
import { Downloads, type DownloadParts } from './downloads.ts'
import { Problems } from './problems.ts'

/** Downloads of a device that is connected with nobody, to begin with. */
class DownloadWorld {
  readonly time = new VirtualTime()
  readonly problems = new Problems()
  readonly #content = new Map<string, readonly SampleChunk[]>()
  /** Places that the log wants nothing at any more. */
  readonly unwanted = new Set<string>()
  readonly fetcher = new ChunkFetcher({
    clock: this.time,
    timers: this.time,
    rate: new RateLimit({ bytesPerSecond: undefined, clock: this.time, timers: this.time }),
    hash: listHash,
    onStrike: () => undefined,
  })
  readonly downloads: Downloads

  constructor() {
    const parts = {
      items: { path: () => [] },
      chunks: { find: () => undefined },
      fs: { free: () => Infinity },
      fetcher: this.fetcher,
      versions: { rows: (version: string) => rowsOf(this.#content.get(version) ?? []) },
      placing: {
        prepare: ({ wanted }: { wanted: WantedContent }) => (this.unwanted.has(wanted.name) ? undefined : {}),
        storeSealed: () => undefined,
      },
      clock: this.time,
      onStale: () => undefined,
      onProblem: (problem: Parameters<DownloadParts['onProblem']>[0]) =>
        this.problems.add('download', problem),
      onSettled: (path: string) => this.problems.clear('download', path),
      onProgress: () => undefined,
    }
    this.downloads = new Downloads(parts as unknown as DownloadParts)
  }

  /** A version of a file. */
  offer(name: string, version: number, content: readonly SampleChunk[]): void {
    const hash = `${name}${version}`
    this.#content.set(hash, content)
    const size = content.reduce((sum, { sealed }) => sum + sealed.length - 16, 0)
    const operation = { type: 'put', content: { size } }
    this.downloads.offer({ parent: 1, name, version: hash, operation } as unknown as WantedContent)
  }

  /** With a device that has these. */
  connect(shelf: readonly SampleChunk[]): void {
    const [end, other] = framePair({ time: this.time })
    other.setHandler({
      onFrame: (head, payload) => {
        const question = decodeChunkMessage(head, payload.length)
        if (question.type !== 'want') return
        const found = Array.from({ length: question.ids.length / 32 }, (_, index) => {
          const id = toHex(question.ids.subarray(index * 32, index * 32 + 32))
          return shelf.find((chunk) => toHex(chunk.id) === id)?.sealed ?? new Uint8Array(0)
        })
        const lengths = found.map(({ length }) => length)
        const answer = { type: 'chunks', request: question.request, first: 0, lengths } as const
        other.send(encodeChunkMessage(answer), Buffer.concat(found))
      },
      onDrain: () => undefined,
      onClose: () => undefined,
    })
    this.fetcher.addPeer(end.peer, end, () => 1)
    this.downloads.retry()
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.time.advance(1_000)
      this.downloads.tick()
    }
  }

  get named(): string[] {
    return this.problems.all.map(({ code, path }) => `${code} ${path}`)
  }
}

const [one, two, three] = [sampleChunk(1), sampleChunk(2), sampleChunk(3)] as const
const missing = 'FOLDER_CONTENT_MISSING'

describe('a file that nobody has the content of', () => {
  test('is named as long as it is wanted, and no longer, whatever becomes of others', async () => {
    const world = new DownloadWorld()
    world.offer('a', 1, [one])
    world.offer('b', 1, [two])
    await world.pass(21)
    expect(world.named).toEqual([`${missing} a`, `${missing} b`])
    // Also while it is tried again.
    await world.pass(6)
    expect(world.downloads.failed).toBe(0)
    expect(world.named).toEqual([`${missing} a`, `${missing} b`])
    await world.pass(20)
    // A newer version, of which nothing is known yet.
    world.offer('a', 2, [three])
    expect(world.named).toEqual([`${missing} b`])
    await world.pass(21)
    expect(world.named.toSorted()).toEqual([`${missing} a`, `${missing} b`])
    world.unwanted.add('a')
    await world.pass(60)
    expect(world.named).toEqual([`${missing} b`])
  })

  test('is not named while a device gives it', async () => {
    const world = new DownloadWorld()
    world.offer('a', 1, [one, two])
    await world.pass(21)
    expect(world.named).toEqual([`${missing} a`])
    world.connect([one])
    await world.time.advance(100)
    expect(world.named).toEqual([])
    // But it does not have all of it.
    await world.pass(21)
    expect(world.named).toEqual([`${missing} a`])
  })
})

describe('content of what is wanted no more', () => {
  test('is asked for no longer', async () => {
    const world = new DownloadWorld()
    world.offer('a', 1, [one, two])
    world.offer('b', 1, [two])
    expect(world.fetcher.stats().wantedIds).toBe(2)
    world.offer('a', 2, [three])
    await world.pass(1)
    // The second is for b as well.
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 2, wantedBytes: bytesOf(two, three) })
    await world.pass(21)
    world.unwanted.add('a').add('b')
    await world.pass(60)
    expect(world.downloads.files).toBe(0)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 0, wantedBytes: 0, missingIds: 0 })
  })

  test('comes after all if it is wanted again', async () => {
    const world = new DownloadWorld()
    world.offer('a', 1, [one])
    world.offer('a', 2, [two])
    await world.pass(2)
    world.offer('a', 3, [one])
    await world.pass(2)
    expect(world.fetcher.stats()).toMatchObject({ wantedIds: 1, wantedBytes: bytesOf(one) })
  })
})

function bytesOf(...chunks: readonly SampleChunk[]): number {
  return chunks.reduce((sum, { sealed }) => sum + sealed.length, 0)
}
