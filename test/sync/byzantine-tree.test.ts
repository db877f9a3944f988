import { describe, expect, test } from 'vitest'
import { encodeCbor, type CborValue } from '../../src/sync/format/cbor.ts'
import { encodeOperation } from '../../src/sync/format/operation-codec.ts'
import type { Operation } from '../../src/sync/format/operation.ts'
import { fromHex, rootNode } from '../../src/sync/ids.ts'
import { byzantineWorld, expectHonest, type ByzantineWorld } from './support/byzantine-world.ts'
import { meet } from './support/replica-device.ts'
import { content } from './support/tree-devices.ts'

const node = 'ab'.repeat(16)
const other = 'cd'.repeat(16)
const put = { type: 'put', node, parent: rootNode, name: 'x', content: content(7), bases: [] } as const

/** An operation by hand, as its map; the fields in order. */
function raw(...fields: [number, CborValue][]): Uint8Array {
  return encodeCbor(new Map(fields))
}

const bytes = (hex: string) => fromHex(hex)
const placed = (name: CborValue, id = node): Uint8Array =>
  raw([0, 1], [1, bytes(id)], [2, bytes(rootNode)], [3, name])

/** Everybody takes it; the tree is what it was. */
function expectIgnored({ anna, ben, mallory, evil }: ByzantineWorld, ...plaintexts: Uint8Array[]): void {
  const before = anna.replica.digest().tree
  const shown = anna.shown()
  const sent = evil.batch(plaintexts.map((plaintext) => evil.sealed(plaintext)))
  for (const device of [anna, ben]) {
    expect(device.receive(sent).accepted).toHaveLength(plaintexts.length)
    expect(device.replica.digest().tree).toBe(before)
    expect(device.shown()).toEqual(shown)
    expect(device.replica.unreadable.size).toBe(plaintexts.length)
  }
  expectHonest(anna, ben, mallory)
}

describe('I9 a body that says nothing', () => {
  test.each<[string, Uint8Array]>([
    ['a name that steps up', placed('..')],
    ['the name of the directory itself', placed('.')],
    ['an empty name', placed('')],
    ['a name with a slash', placed('../etc/passwd')],
    ['a name with NUL', placed('a\0b')],
    ['a name of 256 bytes', placed('x'.repeat(256))],
    ['a name that is no text', placed(Uint8Array.of(0xff))],
    ['half a surrogate pair, in bytes', new Uint8Array([...placed('abc').subarray(0, -3), 0xed, 0xa0, 0x80])],
    ['the root as a node', placed('x', rootNode)],
    ['a node of another length', raw([0, 1], [1, new Uint8Array(15)], [2, bytes(rootNode)], [3, 'x'])],
    ['an unknown type', raw([0, 99], [1, bytes(node)])],
    ['no type', raw([1, bytes(node)])],
    ['a field more', raw([0, 6], [1, bytes(node)], [9, 1])],
    ['a list', encodeCbor([1, 2, 3])],
    ['nothing', new Uint8Array(0)],
    ['what is no CBOR', new Uint8Array(64).fill(0xff)],
    ['lists within lists', new Uint8Array(100_000).fill(0x81)],
    [
      'a map of indefinite length',
      new Uint8Array(encodeOperation(put)).map((byte, at) => (at === 0 ? 0xbf : byte)),
    ],
    ['a restore of nothing', raw([0, 7], [1, bytes(node)], [2, []])],
    [
      'bases twice',
      raw(
        [0, 4],
        [1, bytes(node)],
        [2, bytes(rootNode)],
        [3, 'x'],
        [4, 't'],
        [5, [fromHex(node + node), fromHex(node + node)]],
      ),
    ],
    ['a longer number for its type', new Uint8Array([0xa2, 0, 0x18, 6, 1, 0x50, ...bytes(node)])],
    ['its fields in another order', new Uint8Array([0xa2, 1, 0x50, ...bytes(node), 0, 6])],
    ['a field twice', new Uint8Array([0xa3, 0, 6, 1, 0x50, ...bytes(node), 1, 0x50, ...bytes(node)])],
  ])('%s', (_, plaintext) => {
    const world = byzantineWorld()
    expectIgnored(world, plaintext)
    expect([...world.anna.replica.unreadable.values()]).toEqual([world.mallory.id])
  })

  test('sealed with another key than the epoch’s, without its commitment, or as noise', () => {
    const { anna, ben, mallory, evil } = byzantineWorld()
    const before = anna.replica.digest().tree
    const sealed = evil.operation(put)
    const { epoch } = sealed
    const contents = [
      { ...sealed, body: { plaintext: encodeOperation(put), key: evil.random(32) } },
      { kind: 'operation', epoch: epoch!, body: new Uint8Array(0) },
      { kind: 'operation', epoch: epoch!, body: new Uint8Array(31) },
      { kind: 'operation', epoch: epoch!, body: new Uint8Array(96).fill(5) },
    ] as const
    const sent = evil.batch(contents)
    for (const device of [anna, ben]) {
      expect(device.receive(sent).accepted).toHaveLength(4)
      expect(device.replica.digest().tree).toBe(before)
      expect(device.replica.unreadable.size).toBe(4)
    }
    expectHonest(anna, ben, mallory)
  })
})

describe('I2, I3 operations that no honest device writes', () => {
  /** Everybody hears it; whoever is honest has the same tree, and all honest files are there. */
  function unleash(world: ByzantineWorld, ...operations: Operation[]): void {
    const { anna, ben, mallory, evil } = world
    const sent = evil.batch(operations.map((operation) => evil.operation(operation)))
    for (const device of [anna, ben]) expect(device.receive(sent).refused).toBeUndefined()
    for (const device of [anna, ben]) {
      expect(device.shown().filter((line) => /^(?:anna 1|ben 2)$/.test(line))).toHaveLength(2)
    }
    expectHonest(anna, ben, mallory)
  }

  test('cycles, from two sides and onto itself', () => {
    const world = byzantineWorld()
    const mkdir = (id: string, name: string) => ({ type: 'mkdir', node: id, parent: rootNode, name }) as const
    unleash(
      world,
      mkdir(node, 'a'),
      mkdir(other, 'b'),
      { type: 'move', node, parent: other, name: 'a' },
      { type: 'move', node: other, parent: node, name: 'b' },
      { type: 'move', node, parent: node, name: 'a' },
    )
    const paths = world.anna.shown().filter((line) => /^[ab]\//.test(line))
    expect(paths).toEqual(['b/', 'b/a/'])
  })

  test('things in files, in nothing, and in themselves', () => {
    const world = byzantineWorld()
    const [file] = world.anna.replica.view.at(['anna'])!.nodes
    unleash(
      world,
      { ...put, parent: file! },
      { ...put, parent: 'ef'.repeat(16) },
      { ...put, parent: node },
      { type: 'mkdir', node: file!, parent: rootNode, name: 'anna' },
      { type: 'move', node: file!, parent: file!, name: 'x' },
      { type: 'move', node: file!, parent: 'ef'.repeat(16), name: 'x' },
      { type: 'attr', node: 'ef'.repeat(16), exec: true },
      { type: 'trash', node: 'ef'.repeat(16) },
    )
    expect(world.anna.replica.tree.node(node)).toBeUndefined()
  })

  test('a version that replaces what its author never saw: the version stays current', () => {
    const { anna, ben, mallory, evil } = byzantineWorld()
    const unseen = anna.put('anna', 5)
    const [file] = anna.replica.view.at(['anna'])!.nodes
    const bases = [unseen, 'ef'.repeat(32)].sort()
    const operation = { ...put, node: file!, name: 'anna', bases }
    const sent = evil.batch([evil.operation(operation)], { hlc: { ms: anna.now + 1_000, counter: 0 } })
    meet(anna, ben)
    for (const device of [anna, ben]) {
      device.receive(sent)
      expect(device.versions('anna')).toHaveLength(3)
      const shown = device.replica.view.at(['anna'])
      const heads = shown?.kind === 'file' ? [shown.current, ...shown.concurrent] : []
      expect(heads.map(({ entry }) => entry.hash)).toContain(unseen)
    }
    expectHonest(anna, ben, mallory)
  })

  test('I4b a trash hides nothing that its author never saw', () => {
    const { anna, ben, mallory, evil } = byzantineWorld()
    anna.mkdir('dir')
    anna.put('dir/new', 8)
    const [directory] = anna.replica.view.at(['dir'])!.nodes
    const [file] = anna.replica.view.at(['dir', 'new'])!.nodes
    // Later in the order than what it never saw.
    const hlc = { ms: anna.now + 1_000, counter: 0 }
    const trashes = [directory!, file!].map((id) => evil.operation({ type: 'trash', node: id }))
    const sent = evil.batch(trashes, { hlc })
    meet(anna, ben)
    for (const device of [anna, ben]) {
      device.receive(sent)
      expect(device.shown()).toEqual(expect.arrayContaining(['dir/', 'dir/new 8']))
    }
    expectHonest(anna, ben, mallory)
  })

  test('restores of what was never trashed, or is no trash', () => {
    const world = byzantineWorld()
    const [file] = world.anna.replica.view.at(['anna'])!.nodes
    const genesis = world.anna.replica.folderId
    unleash(
      world,
      { type: 'restore', node: file!, trashes: ['ab'.repeat(32)] },
      { type: 'restore', node: file!, trashes: [genesis] },
      { type: 'restore', node: 'ef'.repeat(16), trashes: [genesis] },
    )
    expect(world.anna.replica.unreadable.size).toBe(0)
  })

  test('one node as a file and as a directory', () => {
    const world = byzantineWorld()
    unleash(
      world,
      put,
      { type: 'mkdir', node, parent: rootNode, name: 'x' },
      {
        type: 'put',
        node: other,
        parent: node,
        name: 'y',
        content: content(1),
        bases: [],
      },
    )
    expect(world.anna.shown()).toContain('x 7')
    expect(world.anna.replica.tree.node(other)).toBeUndefined()
  })

  test('hundreds of files of one name are one file, with hundreds of versions', () => {
    const world = byzantineWorld()
    const many = Array.from({ length: 300 }, (_, index) => ({
      ...put,
      node: (index + 1).toString(16).padStart(32, '0'),
      name: 'anna',
    }))
    const { anna, ben, evil } = world
    const sent = evil.batch(many.map((operation) => evil.operation(operation)))
    for (const device of [anna, ben]) device.receive(sent)
    expect(anna.versions('anna')).toHaveLength(301)
    expect(anna.shown()).toHaveLength(2)
    expectHonest(anna, ben)
  })
})
