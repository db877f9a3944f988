import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { EvilWorld } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'
import { elapse } from '../../support/deadline.ts'
import { encodeChunkMessage } from '../../../src/sync/transfer/chunk-message-codec.ts'

const world = new EvilWorld()
afterEach(() => world.end())

test('many streams', async () => {
  const anna = await (await world.daemon(() => new RealDaemon('Anna'))).founds()
  const content = randomBytes(40_000_000)
  anna.write('big', content)
  const mallory = await world.member(anna)
  await mallory.sees(['big'])
  const shown = mallory.eyes.replica.view.at(['big'])!
  const entry = (shown as any).current.entry
  const list = mallory.eyes.replica.log.record(entry).chunkList!
  const before = process.memoryUsage().rss
  let open = 0
  const closed: string[] = []
  for (let n = 0; n < 200; n++) {
    const stream = mallory.link!.open({ type: 'chunks', folderId: mallory.folderId })
    open++
    stream.setHandler({ onFrame() {}, onDrain() {}, onClose(r) { closed.push(r) } })
    stream.pause()
    for (let r = 0; r < 20; r++) stream.send(encodeChunkMessage({ type: 'want', request: r, ids: list.slice(0, 32 * 130) }))
  }
  for (let i = 0; i < 8; i++) { await elapse(1000); console.log(process.memoryUsage().rss / 1e6 - before / 1e6, closed.length, closed[0]) }
}, 60_000)
