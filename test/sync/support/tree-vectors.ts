import fc from 'fast-check'
import type { FileContent, Operation } from '../../../src/sync/format/operation.ts'
import { fromHex, toHex } from '../../../src/sync/ids.ts'
import * as intents from '../../../src/sync/tree/intents.ts'
import { ReferenceTree, type ViewItem } from '../reference-tree.ts'
import { compareEntries, fenceSome, observes, type TestEntry } from './ordered-tree.ts'
import { content, Devices, type TestDevice } from './tree-devices.ts'
import { rawHistory, userHistory } from './tree-histories.ts'

/** test/vectors/sync/tree.json; how to read it says docs/spec/tree.md. */

export const vectorFile = new URL('../../vectors/sync/tree.json', import.meta.url)

type JsonContent = Omit<FileContent, 'manifest'> & { readonly manifest: string }
type JsonOperation =
  | Operation
  | (Omit<Operation & { type: 'put' }, 'content'> & { readonly content: JsonContent })

export interface TreeVector {
  readonly name: string
  readonly entries: readonly {
    readonly hash: string
    /** hlc and device: compared in this order, then the hash. */
    readonly order: readonly [number, number]
    /** Indexes of all entries that its author had seen. */
    readonly past: readonly number[]
    readonly operation: JsonOperation | null
    readonly fenced?: true
  }[]
  readonly fold: readonly string[]
  readonly view: readonly ViewItem[]
}

export function entriesOf(vector: TreeVector): TestEntry[] {
  return vector.entries.map(({ hash, order, past, operation, fenced }) => ({
    hash,
    hlc: order[0],
    device: order[1],
    past: new Set(past.map((index) => vector.entries[index]!.hash)),
    operation: operation === null ? undefined : readOperation(operation),
    isFenced: fenced === true,
  }))
}

export function referenceOf(entries: readonly TestEntry[]): ReferenceTree<TestEntry> {
  const operations = entries.map((entry) => ({
    entry,
    operation: entry.operation,
    isFenced: entry.isFenced === true,
  }))
  return new ReferenceTree(operations, compareEntries, observes)
}

function readOperation(operation: JsonOperation): Operation {
  if (operation.type !== 'put') return operation
  const { manifest, ...rest } = operation.content
  return {
    ...operation,
    content: { ...rest, manifest: typeof manifest === 'string' ? fromHex(manifest) : manifest },
  }
}

function vectorOf(name: string, entries: readonly TestEntry[]): TreeVector {
  const indexOf = new Map(entries.map((entry, index) => [entry.hash, index]))
  const reference = referenceOf(entries)
  return {
    name,
    entries: entries.map(({ hash, hlc, device, past, operation, isFenced }) => ({
      hash,
      order: [hlc, device],
      past: [...past].map((seen) => indexOf.get(seen)!).sort((left, right) => left - right),
      operation: operation === undefined ? null : writeOperation(operation),
      ...(isFenced === true ? { fenced: true as const } : {}),
    })),
    fold: reference.digest().split('\n').slice(0, -1),
    view: reference.view(),
  }
}

function writeOperation(operation: Operation): JsonOperation {
  if (operation.type !== 'put') return operation
  return { ...operation, content: { ...operation.content, manifest: toHex(operation.content.manifest) } }
}

/** Anew, from the reference. The file is only written again when the rules change. */
export function makeTreeVectors(): TreeVector[] {
  const vectors: TreeVector[] = []
  for (const [name, tell] of Object.entries(stories)) {
    const devices = new Devices(2)
    tell(devices, devices.device(0), devices.device(1))
    vectors.push(vectorOf(name, devices.entries))
  }
  const users = fc.sample(userHistory(60), { numRuns: 10, seed: 7 })
  for (const [index, { entries }] of users.entries()) {
    vectors.push(vectorOf(`users ${index + 1}`, entries))
    const isMkdir = ({ operation }: TestEntry, place: number) =>
      operation?.type === 'mkdir' && place % 3 === 0
    vectors.push(vectorOf(`users ${index + 1}, some revoked`, fenceSome(entries, isMkdir)))
  }
  const raw = fc.sample(rawHistory(50), { numRuns: 20, seed: 7 })
  for (const [index, { entries }] of raw.entries()) {
    const some = fenceSome(entries, (_, place) => index % 2 === 0 && place % 7 === 1)
    vectors.push(vectorOf(`any operations ${index + 1}`, some))
  }
  return vectors
}

type Story = (devices: Devices, a: TestDevice, b: TestDevice) => void

const mkdir = (on: TestDevice, { random }: Devices, ...path: string[]) =>
  on.do(intents.makeDirectory(on.view, path, random))
const save = (on: TestDevice, { random }: Devices, mark: number, ...path: string[]) =>
  on.do(intents.putFile(on.view, path, content(mark), random))
const move = (on: TestDevice, from: string[], to: string[]) => on.do(intents.move(on.view, from, to))
const trash = (on: TestDevice, ...path: string[]) => on.do(intents.trash(on.view, path))

const stories: Record<string, Story> = {
  'edit beside delete': (devices, a, b) => {
    save(a, devices, 1, 'f')
    devices.meet()
    save(a, devices, 2, 'f')
    trash(b, 'f')
  },
  'new file beside delete of its folder': (devices, a, b) => {
    mkdir(a, devices, 'd')
    save(a, devices, 1, 'd', 'old')
    devices.meet()
    save(a, devices, 2, 'd', 'new')
    trash(b, 'd')
  },
  'moved into a folder that is deleted': (devices, a, b) => {
    mkdir(a, devices, 'd')
    save(a, devices, 1, 'd', 'f')
    mkdir(a, devices, 'gone')
    devices.meet()
    move(a, ['d'], ['gone', 'd'])
    trash(b, 'gone')
  },
  'moved out of a folder that is deleted': (devices, a, b) => {
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd', 'e')
    save(a, devices, 1, 'd', 'e', 'f')
    devices.meet()
    move(a, ['d', 'e'], ['e'])
    trash(b, 'd')
  },
  'created again after delete': (devices, a) => {
    save(a, devices, 1, 'f')
    trash(a, 'f')
    save(a, devices, 2, 'f')
  },
  'one file restored out of a deleted folder': (devices, a) => {
    mkdir(a, devices, 'd')
    save(a, devices, 1, 'd', 'f')
    save(a, devices, 2, 'd', 'g')
    trash(a, 'd')
    a.do(intents.restore(a.view, a.view.hiddenIn([a.view.trashed()[0]!.node])[0]!.node))
  },
  'deleted twice and restored once below': (devices, a, b) => {
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'd', 'e')
    save(a, devices, 1, 'd', 'e', 'f')
    devices.meet()
    trash(a, 'd')
    trash(b, 'd', 'e')
    devices.meet()
    a.do(intents.restore(a.view, a.view.hiddenIn([a.view.trashed()[0]!.node])[0]!.node))
  },
  'two moves that make a cycle': (devices, a, b) => {
    mkdir(a, devices, 'd')
    mkdir(a, devices, 'e')
    devices.meet()
    move(a, ['d'], ['e', 'd'])
    move(b, ['e'], ['d', 'e'])
  },
  'folders of one name are one': (devices, a, b) => {
    mkdir(a, devices, 'd')
    save(a, devices, 1, 'd', 'f')
    mkdir(b, devices, 'd')
    save(b, devices, 2, 'd', 'f')
    devices.meet()
    mkdir(a, devices, 'd', 'x')
  },
  'files beside folders of their names': (devices, a, b) => {
    mkdir(a, devices, 'x')
    save(a, devices, 1, 'x~2')
    save(b, devices, 2, 'x')
  },
  'concurrent versions, then one that saw both': (devices, a, b) => {
    save(a, devices, 1, 'f')
    save(b, devices, 2, 'f')
    devices.meet()
    save(a, devices, 3, 'f')
    save(b, devices, 4, 'f')
  },
  'attributes before and after a version': (devices, a) => {
    save(a, devices, 1, 'f')
    a.do(intents.setAttributes(a.view, ['f'], { exec: true, mtime: { seconds: -5, nanos: 1 } }))
    save(a, devices, 2, 'f')
    a.do(intents.setAttributes(a.view, ['f'], { mtime: { seconds: 9, nanos: 2 } }))
  },
}
