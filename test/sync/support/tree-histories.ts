import fc from 'fast-check'
import type { Operation } from '../../../src/sync/format/operation.ts'
import { rootNode } from '../../../src/sync/ids.ts'
import * as intents from '../../../src/sync/tree/intents.ts'
import type { Planned } from '../../../src/sync/tree/intents.ts'
import type { TestEntry } from './ordered-tree.ts'
import { content, Devices, type TestDevice } from './tree-devices.ts'

/** Random numbers that are read as one step of a history. */
type Step = readonly [device: number, kind: number, a: number, b: number, c: number]

const names = ['a', 'b', 'c', 'a~2', 'b~2'] as const
/** Few ids, so that operations meet, name nodes that do not exist, or take one for another kind. */
const pool = [rootNode, ...Array.from({ length: 7 }, (_, index) => `${index + 1}`.repeat(32))]

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.nat(3),
  fc.nat(99),
  fc.nat(0xffff),
  fc.nat(0xffff),
  fc.nat(0xffff),
)

/** What any bytes that decode might say, sense or not. */
export function rawHistory(most: number): fc.Arbitrary<Devices> {
  return fc.array(step, { minLength: 3, maxLength: most, size: 'max' }).map((steps) => play(steps, writeRaw))
}

/** What users do, as the intents say it. */
export function userHistory(most: number): fc.Arbitrary<Devices> {
  return fc.array(step, { minLength: 3, maxLength: most, size: 'max' }).map((steps) => play(steps, act))
}

function play(
  steps: readonly Step[],
  write: (devices: Devices, device: TestDevice, step: Step) => void,
): Devices {
  const devices = new Devices(4)
  for (const one of steps) {
    const device = devices.device(one[0])
    if (one[1] >= 75) device.hear(devices.device(one[2]))
    else if (one[1] === 74) device.ahead = one[2] % 50
    else write(devices, device, one)
  }
  return devices
}

function writeRaw(devices: Devices, device: TestDevice, [, kind, a, b, c]: Step): void {
  device.write(rawOperation(device.tree.order, devices.entries, [kind, a, b, c]))
}

function rawOperation(
  seen: readonly TestEntry[],
  all: readonly TestEntry[],
  [kind, a, b, c]: readonly [number, number, number, number],
): Operation | undefined {
  const node = pool[a % pool.length]!
  const parent = pool[b % pool.length]!
  const name = names[c % names.length]!
  // Mostly what its author has seen, at times what it cannot have.
  const some = (c >> 4) % 8 === 0 ? all : seen
  const hashes = some.filter((_, index) => ((b >> 4) >> (index % 12)) & 1).map((entry) => entry.hash)
  const bases = hashes.sort()
  if (kind < 18) return { type: 'mkdir', node, parent, name }
  if (kind < 32) return { type: 'put', node, parent, name, content: content(a & 15), bases }
  if (kind < 36) return { type: 'symlink', node, parent, name, target: 't', bases }
  if (kind < 50) return { type: 'move', node, parent, name }
  if (kind < 61) return { type: 'trash', node }
  if (kind < 66) {
    return {
      type: 'restore',
      node,
      trashes: some
        .filter(isTrash(b))
        .map((entry) => entry.hash)
        .sort(),
    }
  }
  if (kind < 69) return { type: 'attr', node, exec: (b & 1) === 1 }
  if (kind < 72) return { type: 'attr', node, mtime: { seconds: b, nanos: 0 } }
  return kind === 72 ? { type: 'merge' } : undefined
}

/** Some of the trashes: each bit of the mask leaves out those of some places. */
function isTrash(mask: number): (entry: TestEntry, index: number) => boolean {
  return ({ operation }, index) => operation?.type === 'trash' && ((mask >> (index % 13)) & 1) === 0
}

function act({ random }: Devices, device: TestDevice, [, kind, a, b, c]: Step): void {
  const planned = plan(device, random, [kind, a, b, c])
  if (typeof planned !== 'string') device.do(planned)
}

function plan(
  { view }: TestDevice,
  random: (length: number) => Uint8Array,
  [kind, a, b, c]: readonly [number, number, number, number],
): Planned {
  const paths = [[] as string[], ...[...view.walk()].map((item) => item.path)]
  const any = paths[a % paths.length]!
  const other = paths[b % paths.length]!
  const within = [...any, names[c % names.length]!]
  if (kind < 16) return intents.makeDirectory(view, within, random)
  if (kind < 26) return intents.putFile(view, within, content(b & 15), random)
  if (kind < 36) return intents.putFile(view, any, content(b & 15), random)
  if (kind < 38) return intents.putSymlink(view, within, 'target', random)
  if (kind < 52) return intents.move(view, other, within)
  if (kind < 62) return intents.trash(view, any)
  if (kind < 66) {
    const hidden = view.trashed()
    const item = hidden[b % Math.max(1, hidden.length)]
    if (item === undefined) return []
    const inside = view.hiddenIn([item.node])
    return intents.restore(view, (inside[c % (inside.length * 2 + 1)] ?? item).node)
  }
  if (kind < 69) {
    return intents.setAttributes(
      view,
      any,
      (b & 1) === 0 ? { exec: true } : { mtime: { seconds: c, nanos: 1 } },
    )
  }
  const shown = view.at(any)
  if (shown === undefined || shown.kind === 'directory') return []
  return intents.restoreVersion(view, any, shown.versions[b % shown.versions.length]!.entry.hash)
}
