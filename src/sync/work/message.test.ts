import { describe, expect, test } from 'vitest'
import { freeMessage, messageOf, resultMessageOf } from './message.ts'
import type { Message } from './message.ts'

/** Bytes of memory that go along when it is sent. */
function memoryOf({ value, transfer }: Message): number {
  const sent: unknown = structuredClone(value, { transfer: [...transfer] })
  const buffers = new Set<ArrayBufferLike>()
  const look = (item: unknown): void => {
    if (ArrayBuffer.isView(item)) buffers.add(item.buffer)
    else if (typeof item === 'object' && item !== null) Object.values(item).forEach(look)
  }
  look(sent)
  return [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0)
}

describe('a job', () => {
  test('arrives as it was, and stays with who sends it', () => {
    const frame = new Uint8Array(1_000_000).fill(7)
    const job = {
      keys: { content: new Uint8Array(32).fill(1) },
      lengths: Uint32Array.of(1, 2, 3),
      pieces: [
        { sealed: frame.subarray(10, 100_000), nothing: undefined, none: null, text: 'x', flag: true },
      ],
    }
    const { value, transfer } = messageOf(job)
    expect(structuredClone(value, { transfer: [...transfer] })).toEqual(job)
    expect(job.pieces[0]!.sealed).toHaveLength(99_990)
    expect(frame[0]).toBe(7)
  })

  test('a small part of a large memory does not take all of it along', () => {
    const memory = new Uint8Array(16_000_000)
    const job = {
      ids: [memory.subarray(0, 32), memory.subarray(64, 96)],
      lengths: new Uint32Array(memory.buffer, 0, 4),
    }
    expect(memoryOf(messageOf(job))).toBeLessThan(1_000)
    expect(memoryOf(messageOf({ sealed: memory.subarray(0, 100_000) }))).toBe(100_000)
  })

  test('what is given away goes along itself, also where it is named twice; a part of something larger does not', () => {
    const [own, memory] = [new Uint8Array(100_000).fill(5), new Uint8Array(200_000).fill(6)]
    const job = { pieces: [{ sealed: own }, { sealed: own }, { sealed: memory.subarray(0, 100_000) }] }
    const { value, transfer } = messageOf(job, true)
    const sent = structuredClone(value, { transfer: [...transfer] }) as typeof job
    expect(sent.pieces.map(({ sealed }) => [sealed.length, sealed[0]])).toEqual([
      [100_000, 5],
      [100_000, 5],
      [100_000, 6],
    ])
    expect(own).toHaveLength(0)
    expect(memory).toHaveLength(200_000)
  })

  test('parts that fill their memory are sent as they are', () => {
    const memory = new Uint8Array(30_000)
    const job = {
      parts: Array.from({ length: 10 }, (_, part) => memory.subarray(part * 3_000, part * 3_000 + 3_000)),
    }
    expect(messageOf(job).value).toBe(job)
    expect(memoryOf(messageOf(job))).toBe(30_000)
  })
})

test('memory that is shared is neither copied nor handed over, so that a job can be told to end', () => {
  const halted = new SharedArrayBuffer(1)
  const job = { halted, rows: new Uint8Array(100_000) }
  const { value, transfer } = messageOf(job)
  expect((value as typeof job).halted).toBe(halted)
  expect(transfer).toHaveLength(1)
})

describe('a result', () => {
  test('hands over what is large and alone in its memory', () => {
    const alone = new Uint8Array(100_000).fill(3)
    const part = new Uint8Array(200_000).subarray(0, 100_000)
    const { value, transfer } = resultMessageOf({
      sealed: [alone, alone, part, undefined],
      small: new Uint8Array(3),
    })
    expect(transfer).toEqual([alone.buffer])
    const sent = structuredClone(value, { transfer: [...transfer] }) as { sealed: Uint8Array[] }
    expect(sent.sealed[0]).toEqual(new Uint8Array(100_000).fill(3))
    expect(sent.sealed[2]).toHaveLength(100_000)
    expect(alone).toHaveLength(0)
  })

  test('also of many and of nothing', () => {
    expect(resultMessageOf({ files: [] })).toEqual({ value: { files: [] }, transfer: [] })
    expect(resultMessageOf(undefined)).toEqual({ value: undefined, transfer: [] })
  })
})

test('what came with a job is given back, but for what was handed on or is shared', () => {
  const large = new Uint8Array(100_000)
  const handedOn = new Uint8Array(100_000)
  const halted = new SharedArrayBuffer(1)
  const keys = new Uint8Array(32).fill(1)
  const job = {
    keys,
    halted,
    pieces: [{ sealed: large }, { sealed: handedOn, nothing: undefined, none: null }],
  }
  const result = structuredClone(handedOn, { transfer: [handedOn.buffer] })
  freeMessage(job)
  expect(large).toHaveLength(0)
  expect(result).toHaveLength(100_000)
  expect(keys).toEqual(new Uint8Array(32).fill(1))
  expect(halted.byteLength).toBe(1)
})
