import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { StreamWire } from './stream-wire.ts'
import { transientBytes } from './wire.ts'

test('whoever was told to stop hears of the drain, whatever is written meanwhile', async () => {
  let take = (): void => {}
  const stream = new Duplex({
    read() {},
    write: (_chunk, _encoding, callback) => {
      take = callback
    },
  })
  const wire = new StreamWire(stream)
  const { promise: drained, resolve: onDrain } = Promise.withResolvers<undefined>()
  wire.setHandler({ onData() {}, onEnd() {}, onDrain: () => onDrain(undefined), onClose() {} })

  expect(wire.write(Buffer.alloc(transientBytes + 1))).toBe(false)
  expect(wire.write('the last chunk of a body')).toBe(false)
  take()
  await new Promise(setImmediate)
  take()
  await drained
})
