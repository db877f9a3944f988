import fc from 'fast-check'
import { existsSync, linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import * as intents from '../../src/sync/tree/intents.ts'
import { content } from './support/tree-devices.ts'
import { UpDevice } from './support/up-device.ts'

// HARP_UP_RUNS=5000 for a long run.
const numRuns = Number(process.env['HARP_UP_RUNS'] ?? 40)

const names = ['a', 'b', 'c', 'd']
const path = fc
  .array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 })
  .map((steps) => steps.join('/'))
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('write' as const), path, text: fc.constantFrom('', 'x', 'yy') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('save' as const), path, text: fc.constantFrom('x', 'zzz') }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('move' as const), path, to: path }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('mkdir' as const), path }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), path }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('symlink' as const), path, to: fc.constantFrom('a', '../b') }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('link' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('exec' as const), path, exec: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('swap' as const), path, to: path }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** What users do fails where it does not fit; that is no harm. */
function act(device: UpDevice, what: Action): void {
  const at = join(device.root, what.path)
  try {
    switch (what.type) {
      case 'write':
        mkdirSync(dirname(at), { recursive: true })
        writeFileSync(at, what.text)
        return
      case 'save':
        writeFileSync(`${at}.new`, what.text)
        renameSync(`${at}.new`, at)
        return
      case 'move':
        renameSync(at, join(device.root, what.to))
        return
      case 'mkdir':
        mkdirSync(at, { recursive: true })
        return
      case 'remove':
        rmSync(at, { recursive: true })
        return
      case 'symlink':
        symlinkSync(what.to, at)
        return
      case 'link':
        if (!lstatSync(at).isSymbolicLink()) linkSync(at, join(device.root, what.to))
        return
      case 'exec':
        if (!lstatSync(at).isSymbolicLink()) device.exec(what.path, what.exec)
        return
      case 'swap': {
        const [other, between] = [join(device.root, what.to), join(device.root, 'between')]
        if (!existsSync(at) || !existsSync(other) || at.startsWith(other) || other.startsWith(at)) return
        renameSync(at, between)
        renameSync(other, at)
        renameSync(between, other)
      }
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

/** All directories, in no particular order, as a watcher would name those that changed. */
function directories(device: UpDevice): number[] {
  const found = [1]
  for (const id of found) {
    for (const item of device.items.children(id)) if (item.kind === 'directory') found.push(item.id)
  }
  return found.reverse()
}

it('after each scan the log shows what is on the disk, and another scan writes nothing', async () => {
  const rounds = fc.array(fc.tuple(fc.array(action, { minLength: 1, maxLength: 8 }), fc.boolean()), {
    maxLength: 6,
  })
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const device = new UpDevice().found()
      try {
        for (const [actions, isFull] of all) {
          for (const each of actions) act(device, each)
          const what = isFull ? ('everything' as const) : new Set(directories(device))
          const report = await device.scan(what, { acceptDeletions: true })
          expect(report.blocked).toBeUndefined()
          expect(report.again.size).toBe(0)
          expect(device.shown()).toEqual(device.onDisk())
          expect(await device.scan()).toMatchObject({ changed: 0, problems: [] })
        }
        expect(readdirSync(device.root)).toContain('.harp')
      } finally {
        device.close()
      }
    }),
    { numRuns },
  )
})

it('also if it ended when the log had been told, and the items had not, and users went on', async () => {
  const rounds = fc.array(
    fc.tuple(fc.array(action, { minLength: 1, maxLength: 8 }), fc.array(action, { maxLength: 4 }), fc.nat(4)),
    { minLength: 1, maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const device = new UpDevice().found()
      try {
        for (const [before, after, writes] of all) {
          for (const each of before) act(device, each)
          await device.die(writes)
          for (const each of after) act(device, each)
          await device.scan('everything', { acceptDeletions: true })
          expect(device.shown()).toEqual(device.onDisk())
          expect(await device.scan()).toMatchObject({ changed: 0, problems: [] })
        }
      } finally {
        device.close()
      }
    }),
    { numRuns },
  )
})

it('what is scanned while it changes is found sooner or later, and no version is lost', async () => {
  const rounds = fc.array(fc.tuple(action, fc.nat(3)), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const device = new UpDevice().found()
      try {
        const { fs } = device
        const left = all.slice()
        // Something is done each time that a directory is listed.
        device.fs = {
          ...fs,
          list: (at) => {
            const next = left.shift()
            if (next !== undefined) act(device, next[0])
            return fs.list(at)
          },
        }
        while (left.length > 0) await device.scan('everything', { acceptDeletions: true })
        const before = device.replica.order.length
        await device.scan('everything', { acceptDeletions: true })
        expect(device.shown()).toEqual(device.onDisk())
        expect(await device.scan()).toMatchObject({ changed: 0 })
        expect(device.replica.order.length).toBeGreaterThanOrEqual(before)
      } finally {
        device.close()
      }
    }),
    { numRuns: Math.ceil(numRuns / 2) },
  )
})

const foreign = fc.record({
  type: fc.constantFrom('put' as const, 'put' as const, 'move' as const, 'trash' as const, 'mkdir' as const),
  path: path.map((text) => text.split('/')),
  to: path.map((text) => text.split('/')),
  mark: fc.nat(5),
})

function actAsOther(
  other: UpDevice,
  { type, path: at, to, mark }: typeof foreign extends fc.Arbitrary<infer T> ? T : never,
) {
  const { view } = other.replica
  const plans = {
    put: () => intents.putFile(view, at, content(mark + 1), other.random),
    move: () => intents.move(view, at, to),
    trash: () => intents.trash(view, at),
    mkdir: () => intents.makeDirectory(view, at, other.random),
  }
  const planned = plans[type]()
  if (typeof planned !== 'string') other.write(...planned)
}

it('with changes of others that are not on the disk yet, all on the disk is committed and nothing of theirs is lost', async () => {
  const rounds = fc.array(fc.tuple(fc.array(action, { maxLength: 6 }), fc.array(foreign, { maxLength: 6 })), {
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const device = new UpDevice().found()
      const other = new UpDevice().join(device)
      try {
        for (const [actions, others] of all) {
          for (const each of actions) act(device, each)
          for (const each of others) actAsOther(other, each)
          device.hear(other)
          const unseen: { node: string; version: string }[] = []
          for (const { shown } of device.replica.view.walk()) {
            if (shown.kind === 'directory') continue
            const { node, entry } = shown.current
            if (entry.deviceId !== device.keys.deviceId) unseen.push({ node, version: entry.hash })
          }
          await device.scan('everything', { acceptDeletions: true })
          for (const { node, version } of unseen) {
            const shown = device.replica.view.of(node)
            const versions = shown === undefined || shown.kind === 'directory' ? [] : shown.versions
            expect(versions.map(({ entry }) => entry.hash)).toContain(version)
          }
          for (const line of device.onDisk()) {
            const [name = '', hash = ''] = line.split(' ')
            if (name.endsWith('/') || hash === '->') continue
            const operation = device.replica.log.entry(device.item(name)?.version ?? '')?.operation
            expect(operation).toMatchObject({
              content: { hash: expect.stringMatching(`^${hash}`) as string },
            })
          }
          expect(await device.scan()).toMatchObject({ changed: 0 })
          other.hear(device)
        }
      } finally {
        device.close()
        other.close()
      }
    }),
    { numRuns },
  )
})
