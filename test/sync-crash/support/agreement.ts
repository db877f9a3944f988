import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { elapse } from '../../support/deadline.ts'
import { differences, type DiskTree } from './disk-tree.ts'
import type { Stage } from './stage.ts'
import { Violation } from './violation.ts'

export const convergeMs = 120_000

/**
 * While it goes on: whatever stands in a file was written there by a user, whole; and what was there and nobody removed
 * is there.
 */
export function lookOn({ readers, devices, ledger, deeds }: Stage, before: DiskTree): void {
  for (const [index, reader] of readers.entries()) {
    const name = devices[index]?.name ?? ''
    const tree = reader.read()
    for (const [path, { kind, content, size }] of tree) {
      if (kind !== 'file' || ledger.knows(content)) continue
      throw new Violation(`${name}: ${path} holds ${size} bytes that nobody wrote: ${content.slice(0, 12)}`)
    }
    for (const [path, { kind }] of before) {
      if (kind !== 'file' || tree.has(path) || deeds.mayBeGone(path)) continue
      throw new Violation(`${name}: ${path} is missing, and nobody removed it`)
    }
  }
}

/** Waits until both are idle and show the same; what is left undone by then is a violation. */
export async function untilAgreed(stage: Stage, before: DiskTree): Promise<DiskTree> {
  const endsAt = performance.now() + convergeMs
  for (;;) {
    const { trees, idle, states } = await look(stage, before)
    const different = differences(...trees)
    if (idle && different.length === 0) return trees[0]
    if (performance.now() > endsAt) {
      const what = different.length === 0 ? ['the trees are the same'] : different.slice(0, 10)
      throw new Violation(
        [
          `no agreement within ${convergeMs / 1000} s`,
          ...what,
          ...states.map((state) => JSON.stringify(state)),
        ].join('\n  '),
      )
    }
    await elapse(200)
  }
}

async function look(
  stage: Stage,
  before: DiskTree,
): Promise<{ trees: [DiskTree, DiskTree]; idle: boolean; states: readonly unknown[] }> {
  const { devices, readers } = stage
  const states = []
  for (const device of devices) {
    if (device.death !== undefined) throw new Violation(device.death)
    const folder = await device.folder()
    if (folder.state === 'blocked') await unblock(stage, device.name, folder.errors)
    states.push(folder)
  }
  lookOn(stage, before)
  const idle = states.every(
    ({ state, peers }) => state === 'idle' && peers.some(({ connected }) => connected),
  )
  return { trees: [readers[0].read(), readers[1].read()], idle, states }
}

/** Deletions of a crash test are meant; whatever else blocks a folder is not. */
async function unblock(stage: Stage, name: string, errors: readonly { code: string }[]): Promise<void> {
  const device = stage.devices.find((one) => one.name === name)
  if (!errors.some(({ code }) => code === 'FOLDER_MASS_DELETION')) {
    throw new Violation(`${name} is blocked: ${JSON.stringify(errors)}`)
  }
  stage.tell(`${name}: accepts deletions`)
  await device?.client.call('resume', { folder: 'crash', acceptDeletions: true })
}

/** What one user alone did is so, and what nobody touched is as it was. */
export function checkDeeds({ deeds, ledger }: Stage, before: DiskTree, now: DiskTree): void {
  for (const path of new Set([...before.keys(), ...now.keys()])) {
    const was = before.get(path)
    if (was?.kind === 'directory' || was?.kind === 'symlink' || /~\d|\.link$/.test(path)) continue
    if (now.get(path)?.kind === 'directory') continue
    const expected = deeds.expected(path, was?.content)
    const found = now.get(path)?.content
    if (expected === undefined || expected.content === found) continue
    const text = (hash: string | undefined): string =>
      hash === undefined ? 'nothing' : ledger.describe(hash)
    throw new Violation(`${path} holds ${text(found)}, and must hold ${text(expected.content)}`)
  }
}

/** Nothing half-done is left in the private directories. */
export async function untilTidy({ devices }: Stage): Promise<void> {
  for (const { root, name } of devices) {
    const directory = join(root, '.harp/tmp')
    const endsAt = performance.now() + 10_000
    for (;;) {
      const left = existsSync(directory) ? readdirSync(directory) : []
      if (left.length === 0) break
      if (performance.now() > endsAt) throw new Violation(`${name}: left in .harp/tmp: ${left.join(', ')}`)
      await elapse(200)
    }
  }
}
