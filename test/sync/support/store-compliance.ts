import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogStore } from '../../../src/sync/store/log-store.ts'

export interface StoreHarness {
  /** A new, empty store. */
  open(): LogStore
  /** What is there when the process of this store has died and the next one opens it. */
  crash(store: LogStore): LogStore
  /** What is there when this store has been closed and is opened again. */
  reopen(store: LogStore): LogStore
}

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)
const codeOf = (act: () => unknown): unknown => {
  try {
    act()
    return 'nothing thrown'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

/** What every store promises; run against each. */
export function storeCompliance(name: string, harness: StoreHarness): void {
  describe(`${name} keeps the promises of a store`, () => {
    let store: LogStore
    beforeEach(() => {
      store = harness.open()
    })
    afterEach(() => store.close())

    test('records are numbered from 0 and read back at once, before and after commit', () => {
      expect(store.append('batch', bytes(1, 2, 3))).toBe(0)
      expect(store.append('statement', bytes(4))).toBe(1)
      expect(store.read(0)).toEqual(bytes(1, 2, 3))
      store.commit()
      expect(store.append('batch', bytes())).toBe(2)
      expect([...store.records()]).toEqual([
        { number: 0, type: 'batch', bytes: bytes(1, 2, 3) },
        { number: 1, type: 'statement', bytes: bytes(4) },
        { number: 2, type: 'batch', bytes: bytes() },
      ])
      expect(store.read(2)).toEqual(bytes())
    })

    test('parts of records', () => {
      store.append('batch', bytes(0, 1, 2, 3, 4))
      for (const uncommitted of [true, false]) {
        expect(store.read(0, 2)).toEqual(bytes(2, 3, 4))
        expect(store.read(0, 1, 3)).toEqual(bytes(1, 2, 3))
        expect(store.read(0, 0, 5)).toEqual(bytes(0, 1, 2, 3, 4))
        expect(store.read(0, 2, 0)).toEqual(bytes())
        if (uncommitted) store.commit()
      }
    })

    const outside: [record: number, offset: number | undefined, length: number | undefined][] = [
      [1, undefined, undefined],
      [-1, undefined, undefined],
      [0.5, undefined, undefined],
      [Number.NaN, undefined, undefined],
      [0, 0, 6],
      [0, 6, undefined],
      [0, 4, 2],
      [0, -1, 2],
      [0, 0, -1],
      [0, 0.5, 1],
    ]
    test('what was never appended is out of range', () => {
      store.append('batch', bytes(0, 1, 2, 3, 4))
      for (const [record, offset, length] of outside) {
        const code = codeOf(() => store.read(record, offset, length))
        expect(code, `record ${record} from ${offset}, ${length} bytes`).toBe('SYNC_STORE_RANGE')
      }
    })

    test('nobody can change what is stored through bytes that went in or came out', () => {
      const given = bytes(1, 2)
      store.append('batch', given)
      store.setFact('fact', given)
      given[0] = 9
      store.read(0)[0] = 9
      store.fact('fact')![0] = 9
      for (const record of store.records()) record.bytes[0] = 9
      expect(store.read(0)).toEqual(bytes(1, 2))
      expect(store.fact('fact')).toEqual(bytes(1, 2))
    })

    test('a part of a larger buffer is stored alone', () => {
      store.append('batch', Buffer.from([0, 1, 2, 3]).subarray(1, 3))
      store.setFact('fact', Buffer.from([0, 1, 2, 3]).subarray(1, 3))
      expect([...store.read(0)]).toEqual([1, 2])
      expect([...store.fact('fact')!]).toEqual([1, 2])
    })

    test('facts: the last value counts; there are none at first', () => {
      expect(store.fact('name')).toBeUndefined()
      store.setFact('name', bytes(1))
      store.commit()
      store.setFact('name', bytes(2, 3))
      expect(store.fact('name')).toEqual(bytes(2, 3))
      store.setFact('empty', bytes())
      expect(store.fact('empty')).toEqual(bytes())
    })

    test('a fact of 64 KiB, and none of one byte more', () => {
      store.setFact('large', new Uint8Array(65_536))
      expect(() => store.setFact('large', new Uint8Array(65_537))).toThrow(RangeError)
      expect(store.fact('large')).toHaveLength(65_536)
    })

    test('appending while iterating', () => {
      store.append('batch', bytes(1))
      store.append('batch', bytes(2))
      const seen: number[] = []
      for (const record of store.records()) {
        seen.push(record.number)
        if (record.number < 2) store.append('batch', bytes(3))
        if (record.number === 1) store.commit()
      }
      expect(seen.slice(0, 2)).toEqual([0, 1])
      expect([...store.records()]).toHaveLength(2 + Math.min(2, seen.length))
    })

    test('a crash leaves exactly what the last commit held', () => {
      store.append('batch', bytes(1))
      store.setFact('fact', bytes(1))
      store.commit()
      store.append('batch', bytes(2))
      store.setFact('fact', bytes(2))
      store.setFact('other', bytes(2))
      store = harness.crash(store)
      expect([...store.records()].map((record) => record.bytes)).toEqual([bytes(1)])
      expect(store.fact('fact')).toEqual(bytes(1))
      expect(store.fact('other')).toBeUndefined()
      expect(store.append('statement', bytes(3))).toBe(1)
      store.commit()
      store = harness.crash(store)
      expect([...store.records()].map((record) => record.type)).toEqual(['batch', 'statement'])
    })

    test('closing commits nothing, and twice is fine', () => {
      store.append('batch', bytes(1))
      store.commit()
      store.commit()
      store.append('batch', bytes(2))
      store.close()
      store.close()
      store = harness.reopen(store)
      expect([...store.records()]).toHaveLength(1)
    })

    test('a closed store says so', () => {
      store.append('batch', bytes(1))
      const iterator = store.records()
      store.close()
      const acts = [
        () => store.append('batch', bytes(1)),
        () => store.read(0),
        () => [...store.records()],
        () => iterator.next(),
        () => store.setFact('a', bytes()),
        () => store.fact('a'),
        () => store.commit(),
      ]
      for (const act of acts) expect(codeOf(act)).toBe('SYNC_STORE_CLOSED')
    })
  })
}
