import { describe, expect, test } from 'vitest'
import { CrashingStore, SimulatedCrash } from '../../../test/sync/support/crashing-store.ts'
import { storeCompliance } from '../../../test/sync/support/store-compliance.ts'
import { MemoryStore } from './memory-store.ts'

storeCompliance('memory store', {
  open: () => new MemoryStore(),
  crash: (store) => new MemoryStore((store as MemoryStore).image()),
  reopen: (store) => new MemoryStore((store as MemoryStore).image()),
})

storeCompliance('crashing store', {
  open: () => new CrashingStore(),
  crash: (store) => (store as CrashingStore).crash(),
  reopen: (store) => (store as CrashingStore).copy(),
})

describe('a crashing store', () => {
  const one = new Uint8Array([1])

  test('dies before or after a commit is durable', () => {
    for (const fault of ['crash-before', 'crash-after'] as const) {
      const store = new CrashingStore()
      store.append('batch', one)
      store.failCommit(fault)
      expect(() => store.commit()).toThrow(SimulatedCrash)
      expect(() => store.append('batch', one)).toThrow('closed')
      expect([...store.crash().records()]).toHaveLength(fault === 'crash-after' ? 1 : 0)
    }
  })

  test('takes nothing more after a commit that failed', () => {
    const store = new CrashingStore()
    store.append('batch', one)
    store.commit()
    store.append('batch', one)
    store.failCommit('full')
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(() => store.commit()).toThrow(expect.objectContaining({ code: 'SYNC_STORE_FULL' }))
      expect(() => store.append('batch', one)).toThrow(expect.objectContaining({ code: 'SYNC_STORE_FULL' }))
      expect(() => store.setFact('a', one)).toThrow(expect.objectContaining({ code: 'SYNC_STORE_FULL' }))
    }
    expect([...store.crash().records()]).toHaveLength(1)
  })

  test('a copy is what is durable now, and goes its own way', () => {
    const store = new CrashingStore()
    store.append('batch', one)
    store.commit()
    store.append('batch', one)
    const copy = store.copy()
    copy.append('statement', one)
    copy.commit()
    store.commit()
    expect([...copy.records()].map(({ type }) => type)).toEqual(['batch', 'statement'])
    expect([...store.records()].map(({ type }) => type)).toEqual(['batch', 'batch'])
    expect([store.commits, store.dirty]).toEqual([2, false])
  })
})
