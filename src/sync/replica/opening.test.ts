import { expect, test } from 'vitest'
import { digests, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { content } from '../../../test/sync/support/tree-devices.ts'
import { rootNode } from '../ids.ts'
import type { StoredRecord } from '../store/log-store.ts'

const files = 100

test('what an opening has read of operations is given back at once, and the folder is what it was', () => {
  const [anna, ben] = ReplicaDevice.folder(2)
  anna!.write(
    ...Array.from({ length: files }, (_, index) => ({
      type: 'put' as const,
      node: (index + 1).toString(16).padStart(32, '0'),
      parent: rootNode,
      name: `file ${index}`,
      content: content(index),
      bases: [],
    })),
  )
  anna!.replica.commit()
  const before = { shown: anna!.shown(), digest: digests(anna!) }
  const { store } = anna!
  const read: StoredRecord[] = []
  const records = store.records.bind(store)
  store.records = function* (from) {
    for (const record of records(from)) {
      read.push(record)
      yield record
    }
  }
  anna!.open()
  expect(anna!.shown()).toEqual(before.shown)
  expect(digests(anna!)).toEqual(before.digest)
  expect(before.shown).toHaveLength(files)
  const stored = [...records()]
  expect(stored.some(({ bytes }) => bytes.length > 10_000)).toBe(true)
  expect(read.filter(({ bytes }) => bytes.length > 10_000)).toEqual([])
  expect(anna!.replica.log.memberships().length).toBeGreaterThan(1)
  ben!.hear(anna!)
  expect(ben!.shown()).toEqual(before.shown)
})
