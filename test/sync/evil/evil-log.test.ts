import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { deviceText } from '../../../src/sync/format/device-text.ts'
import { rootNode } from '../../../src/sync/ids.ts'
import type { Operation } from '../../../src/sync/format/operation.ts'
import { encodeCbor } from '../../../src/sync/format/cbor.ts'
import { EvilWorld, type EvilMember } from '../support/evil-member.ts'
import { RealDaemon } from '../support/real-daemon.ts'

const world = new EvilWorld()
let anna: RealDaemon
let mallory: EvilMember
let outside: string

beforeEach(async () => {
  outside = mkdtempSync(join(tmpdir(), 'harp-outside-'))
  writeFileSync(join(outside, 'kept'), 'kept')
  anna = await (await world.daemon(() => new RealDaemon('Anna'))).founds()
  anna.write('a.txt', 'anna')
  mallory = await world.member(anna)
  await mallory.sees(['a.txt'])
})
afterEach(async () => {
  // Whatever it was: nothing outside the folder.
  expect(readdirSync(outside)).toEqual(['kept'])
  expect(readdirSync(anna.base).sort()).toEqual(['files', 'home'])
  await world.end()
  rmSync(outside, { recursive: true, force: true })
})

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** After everything before it in the log has been dealt with. */
async function marker(name = 'marker'): Promise<void> {
  mallory.writes(mallory.put(name, mallory.file(bytesOf(name))))
  await anna.untilReads(name, name)
}

function mkdir(name: string, parent = rootNode): Operation & { readonly node: string } {
  return { type: 'mkdir', node: mallory.node(), parent, name }
}

test('names that are no names are nobody’s files', async () => {
  const names = ['../evil', '..', '.', '', '/etc/evil', 'a/b', 'a\0b', 'x'.repeat(256), `${outside}/evil`]
  for (const name of names) {
    const body = new Map<number, unknown>([
      [0, 1],
      [1, Buffer.from(mallory.node(), 'hex')],
      [2, Buffer.from(rootNode, 'hex')],
      [3, name],
    ])
    mallory.writes(mallory.evil.sealed(encodeCbor(body as never)))
  }
  await marker()
  expect(anna.tree()).toEqual(['a.txt', 'marker'])
  expect(readdirSync(outside)).toEqual(['kept'])
})

test('names that are ours, or look like it, do not get into the private directory', async () => {
  for (const name of ['.harp', '.HARP', '.Harp']) {
    const made = mkdir(name)
    const below = mkdir('tmp', made.node)
    mallory.writes(made, below)
    mallory.writes(mallory.put('folder', mallory.file(bytesOf('evil')), { parent: made.node }))
    mallory.writes(mallory.put('evil', mallory.file(bytesOf('evil')), { parent: below.node }))
  }
  await marker()
  await anna.until('rest', () => anna.status().state === 'idle')
  expect(anna.read('.harp/folder')).not.toBe('evil')
  expect(anna.read('.harp/tmp/evil')).toBeUndefined()
  expect(anna.read('.harp~case2/folder')).toBe('evil')
})

describe('symlinks that lead out of the folder are not made:', () => {
  const targets = (): string[] => [
    outside,
    '/etc',
    '..',
    `../../${outside}`,
    'sub/../../..',
    './../x',
    '.harp',
    '.harp/tmp',
    'sub/../.harp',
    '.HARP/tmp',
    '',
  ]

  test('whatever they look like', async () => {
    const wanted = targets().filter((target) => target !== '')
    for (const [index, target] of wanted.entries()) {
      mallory.writes({
        type: 'symlink',
        node: mallory.node(),
        parent: rootNode,
        name: `s${index}`,
        target,
        bases: [],
      })
    }
    await marker()
    await anna.until('rest', () => anna.status().errors.length === wanted.length)
    expect(anna.tree()).toEqual(['a.txt', 'marker'])
    expect(new Set(anna.status().errors.map(({ code }) => code))).toEqual(new Set(['FOLDER_SYMLINK_OUTSIDE']))
  })

  test('nor is anything written through one', async () => {
    const link = mallory.node()
    const directory = mkdir('a')
    mallory.writes({ type: 'symlink', node: link, parent: rootNode, name: 'a', target: outside, bases: [] })
    mallory.writes(directory, mallory.put('evil', mallory.file(bytesOf('evil')), { parent: directory.node }))
    // A thing below a symlink's own node.
    mallory.writes(mallory.put('evil2', mallory.file(bytesOf('evil')), { parent: link }))
    await marker()
    expect(readdirSync(outside)).toEqual(['kept'])
  })

  test('nor when it is moved to where it would', async () => {
    const deep = mkdir('deep')
    const link = mallory.node()
    mallory.writes(deep)
    mallory.writes({ type: 'symlink', node: link, parent: deep.node, name: 's', target: '../x', bases: [] })
    await anna.until('the symlink', () => anna.tree().includes('deep/s'))
    mallory.writes({ type: 'move', node: link, parent: rootNode, name: 's' })
    await marker()
    expect(anna.tree()).not.toContain('s')
  })
})

test('a directory that became a symlink between plan and apply is not followed', async () => {
  const directory = mkdir('d')
  mallory.writes(directory)
  await anna.until('the directory', () => anna.tree().includes('d'))
  const files = Array.from({ length: 200 }, (_, index) => `f${index}`)
  mallory.answer = (message, send) => {
    // The content is asked for, so the plan is made.
    rmSync(join(anna.root, 'd'), { recursive: true, force: true })
    symlinkSync(outside, join(anna.root, 'd'))
    mallory.answer = (each, answer) => mallory.honestAnswer(each, answer)
    mallory.honestAnswer(message, send)
  }
  mallory.writes(
    ...files.map((name) => mallory.put(name, mallory.file(randomBytes(100)), { parent: directory.node })),
  )
  await marker()
  await anna.until('rest', () => ['idle', 'blocked'].includes(anna.status().state))
  expect(readdirSync(outside)).toEqual(['kept'])
})

test('a very deep tree, and one of the longest names', async () => {
  const operations: Operation[] = []
  for (const [name, depth] of [
    ['d', 300],
    ['n'.repeat(255), 60],
  ] as const) {
    let parent = rootNode
    for (let level = 0; level < depth; level++) {
      const made = mkdir(name, parent)
      operations.push(made)
      parent = made.node
    }
  }
  mallory.writes(...operations)
  await marker()
  anna.write('still.txt', 'here')
  await mallory.sees(['still.txt'])
  await anna.until('an answer', () => anna.status().errors.length > 0)
  expect(anna.read('still.txt')).toBe('here')
})

test('five thousand entries in one directory', async () => {
  const directory = mkdir('wide')
  mallory.writes(directory)
  const names = Array.from({ length: 5_000 }, (_, index) => mkdir(`w${index}`, directory.node))
  mallory.writes(...names)
  anna.write('still.txt', 'here')
  await mallory.sees(['still.txt'])
  await anna.until(
    'all of them',
    () => existsSync(join(anna.root, 'wide')) && readdirSync(join(anna.root, 'wide')).length === 5_000,
    100_000,
  )
  expect(anna.read('still.txt')).toBe('here')
}, 120_000)

describe('what an author says of a content is checked:', () => {
  const good = randomBytes(100)
  const large = randomBytes(2_000_000)

  // NOTE: of a large file each chunk is checked against the signed manifest, and not the whole against its hash.
  test('another hash', async () => {
    mallory.writes(mallory.put('small', mallory.file(good), { content: { hash: 'ab'.repeat(32) } }))
    await anna.until('the problem', () => anna.status().errors.some(({ path }) => path === 'small'))
    await marker()
    expect(anna.tree()).toEqual(['a.txt', 'marker'])
  })

  test('another size', async () => {
    for (const [index, size] of [0, 99, 101, 2 ** 40, Number.MAX_SAFE_INTEGER].entries()) {
      mallory.writes(mallory.put(`s${index}`, mallory.file(good), { content: { size } }))
      mallory.writes(mallory.put(`l${index}`, mallory.file(large), { content: { size } }))
    }
    await marker()
    expect(anna.tree()).toEqual(['a.txt', 'marker'])
    expect(anna.status().errors.length).toBeGreaterThan(0)
  })

  test('other keys, lengths and numbers of chunks', async () => {
    const { rows, hash } = mallory.file(large)
    const ids = rows.ids
    const cases = {
      keys: { ...rows, keys: randomBytes(rows.keys.length) },
      lengths: {
        ...rows,
        lengths: rows.lengths.map((length, row) =>
          row === 0 ? length - 1 : row === 1 ? length + 1 : length,
        ),
      },
      order: { ...rows, ids: Buffer.concat([ids.subarray(32), ids.subarray(0, 32)]) },
    }
    for (const [name, each] of Object.entries(cases)) {
      mallory.writes(mallory.put(name, { bytes: large, rows: each, hash }))
    }
    await marker()
    await anna.until('the problems', () => anna.status().errors.length >= 3)
    expect(anna.tree()).toEqual(['a.txt', 'marker'])
  })

  test('times out of range', async () => {
    for (const [index, seconds] of [
      -(2 ** 53 - 1),
      2 ** 53 - 1,
      -1,
      2 ** 32,
      8.64e12,
      8.64e12 + 1,
    ].entries()) {
      mallory.writes(
        mallory.put(`t${index}`, mallory.file(good), { content: { mtime: { seconds, nanos: 0 } } }),
      )
    }
    await marker()
    await anna.until('rest', () => anna.status().state === 'idle' || anna.status().errors.length > 0)
    expect(anna.read('a.txt')).toBe('anna')
  })

  test('manifests that are no manifests', async () => {
    for (const manifest of [
      new Uint8Array(0),
      randomBytes(1_000),
      Buffer.alloc(200_000, 0x81),
      Buffer.from('a301010240039affffffff', 'hex'),
    ]) {
      mallory.writes(mallory.put(`m${manifest.length}`, mallory.file(good), { content: { manifest } }))
    }
    await marker()
    expect(anna.tree()).toEqual(['a.txt', 'marker'])
  })
})

test('old batches and noise on the log stream: the session ends, the folder does not', async () => {
  for (let round = 0; round < 3; round++) {
    const stream = mallory.link!.open({ type: 'log', folderId: mallory.folderId })
    let isOver = false
    stream.setHandler({ onFrame() {}, onDrain() {}, onClose: () => void (isOver = true) })
    for (let index = 0; index < 10; index++) stream.send(randomBytes(500))
    await anna.until('the end', () => isOver)
  }
  await anna.until('the culprit', () =>
    anna.status().errors.some(({ message }) => message.startsWith('Mallory (')),
  )
  const ben = await (await world.daemon(() => new RealDaemon('Ben'))).joins(anna)
  ben.write('ben.txt', 'ben')
  await anna.untilReads('ben.txt', 'ben')
  expect(anna.status().state).not.toBe('blocked')
})

test('a member that may only read writes nothing', async () => {
  const reader = await world.member(anna, 'read')
  await reader.sees(['a.txt'])
  const batch = reader.evil.batch([reader.put('r.txt', reader.file(bytesOf('r')))])
  expect(reader.eyes.receive(batch).refused).toBeDefined()
  reader.sendsBatch(batch)
  await marker()
  expect(anna.tree()).toEqual(['a.txt', 'marker'])
  // It goes on: it is not heard any more, and people are told who it is.
  const ben = await (await world.daemon(() => new RealDaemon('Ben'))).joins(anna)
  await ben.untilReads('marker', 'marker')
  for (let round = 0; round < 3; round++) reader.sendsBatch(batch)
  const id = deviceText(nodeSuite, reader.keys.deviceId).slice(0, 7)
  await anna.until('the culprit', () =>
    anna
      .status()
      .errors.some(
        ({ code, message }) => code === 'FOLDER_DEVICE_FAULT' && message.startsWith(`Mallory (${id})`),
      ),
  )
  await anna.until('the end of its session', () => reader.streamEnds.some((end) => end.startsWith('log:')))
  ben.write('b.txt', 'b')
  await anna.untilReads('b.txt', 'b')
  expect(ben.tree()).toEqual(['a.txt', 'b.txt', 'marker'])
  expect(ben.status().errors).toEqual([])
})
