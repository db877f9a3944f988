import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { MemoryLink } from '../../../test/support/memory-link.ts'
import { ScriptedWire } from '../../../test/support/scripted-wire.ts'
import { VirtualTime } from '../../../test/support/virtual-time.ts'
import { describeWires } from '../../../test/support/wire-compliance.ts'
import { WireRecorder } from '../../../test/support/wire-recorder.ts'
import { CipherWire } from './cipher-wire.ts'
import { CfbSealer } from './control-cipher.ts'

const options = { authToken: 's3cret', randomBytes }

describeWires('a pair of CipherWires', {
  maxUnreadBytes: 1_048_576,
  makePair: async () => {
    const time = new VirtualTime()
    const link = new MemoryLink(time, { lagMs: 5, roomBytes: 300_000 })
    return {
      near: new CipherWire(link.near, options),
      far: new CipherWire(link.far, options),
      until: (what, probe) => time.until(what, probe),
      settle: () => time.advance(20),
      close: async () => {
        link.cut()
        await time.advance(20)
      },
    }
  },
})

function sealed(text: string): Buffer {
  return new CfbSealer('s3cret', randomBytes).seal(text)
}

async function microtasks(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}

test.each([0, 1, 15, 16, 17, 20, 27])('%d bytes that were read before come first', async (count) => {
  const wire = new ScriptedWire()
  const bytes = sealed('hello world')
  const cipher = new CipherWire(wire, { ...options, early: bytes.subarray(0, count) })
  const recorder = new WireRecorder()

  cipher.setHandler(recorder)
  expect(recorder.byteCount).toBe(0)
  if (count < bytes.length) wire.give(bytes.subarray(count))
  wire.giveEnd()
  await microtasks()

  expect(recorder.bytes.toString()).toBe('hello world')
  expect(recorder).toMatchObject({ endCount: 1, broken: [] })
})

test('early bytes wait while the reader pauses', async () => {
  const wire = new ScriptedWire()
  const cipher = new CipherWire(wire, { ...options, early: sealed('hello') })
  const recorder = new WireRecorder()
  cipher.pause()
  cipher.setHandler(recorder)
  await microtasks()
  expect(recorder.byteCount).toBe(0)

  cipher.resume()
  await microtasks()

  expect(recorder.bytes.toString()).toBe('hello')
  expect(wire.calls).toEqual(['pause', 'resume'])
})

test('early bytes and the end are not lost when the wire closes while the reader pauses', () => {
  const wire = new ScriptedWire()
  const cipher = new CipherWire(wire, { ...options, early: sealed('hello') })
  const recorder = new WireRecorder()
  cipher.pause()
  cipher.setHandler(recorder)

  wire.giveEnd()
  wire.close()

  expect(recorder.bytes.toString()).toBe('hello')
  expect(recorder).toMatchObject({ endCount: 1, closes: [null], broken: [] })
})

test('nothing comes after destroy, early bytes neither', async () => {
  const wire = new ScriptedWire()
  const cipher = new CipherWire(wire, { ...options, early: sealed('hello') })
  const recorder = new WireRecorder()
  cipher.setHandler(recorder)

  cipher.destroy()
  await microtasks()
  wire.close()

  expect(recorder).toMatchObject({ byteCount: 0, closes: [null] })
})
