import { auditOf } from '../../../src/sync/folder/content-requests.ts'
import { demand } from '../violation.ts'
import { checkAuthors } from './disk-checks.ts'
import { home, root, type DiskDevice } from './disk-device.ts'
import { difference, inView, onDisk } from './disk-lines.ts'
import type { DiskWorld } from './disk-run.ts'
import { isHeld, lostPaths } from './office-content.ts'
import { groupsOf } from './office-groups.ts'

/** A month, in which everything is read once. */
const periodMs = 31 * 86_400_000
/** For what was found to be fetched, and for a second look at files. */
const healingMs = 900_000
const rounds = 2

interface Injury {
  readonly device: DiskDevice
  readonly path: string
}

/** Disks that lose bits: found within the period, healed if anybody has it, else named; never a version, never on another disk. */
export async function checkRot(world: DiskWorld): Promise<void> {
  const groups = groupsOf(world.devices.filter(({ isAbsent }) => !isAbsent))
  const group = groups.toSorted((left, right) => right.length - left.length)[0] ?? []
  const keepers = group.filter(({ folder }) => folder?.role !== 'read' && folder?.state === 'idle')
  if (keepers.length === 0) return
  for (let round = 0; round < rounds; round++) await injure(world, group, keepers)
}

async function injure(world: DiskWorld, group: DiskDevice[], keepers: DiskDevice[]): Promise<void> {
  const { chance, time } = world
  const one = chance.pick(keepers)
  // One of them as a rule. All of them now and then: then nobody can heal it.
  const victims = chance.percent(80) ? [one] : keepers
  const writes = operations(keepers)
  const files = new Map(group.map((device) => [device, onDisk(device)]))
  const injuries: Injury[] = []
  for (let count = chance.between(1, 4); count > 0; count--) {
    const path = chance.pick(bodies(one).concat(`${root}/none`))
    for (const device of victims) if (rot(world, device, path)) injuries.push({ device, path })
  }
  if (injuries.length === 0) return
  world.counts['injuries'] = (world.counts['injuries'] ?? 0) + injuries.length
  for (const { device, path } of injuries) world.say(`${device.name}: ${path} rots`)
  // What was read just before is read again in the next period.
  for (let period = 0; period < 2; period++) {
    time.sleep(periodMs)
    await time.run(healingMs)
  }
  demand(operations(keepers) === writes, 'rot', () => 'damage, or what was done about it, became an entry')
  for (const device of keepers) {
    if (device.folder?.content !== undefined) checkAuthors(world.devices, device)
    await checkBody(world, device, keepers, victims.includes(device) ? undefined : files.get(device))
  }
}

/** Packs, kept versions and the user's files. */
function bodies(device: DiskDevice): string[] {
  const found: string[] = []
  const walk = (directory: string): void => {
    for (const { name } of device.disk.model.list(directory)) {
      const path = `${directory}/${name}`
      const stat = device.disk.model.stat(path)
      if (stat?.kind === 'directory') walk(path)
      else if (stat?.kind === 'file' && stat.size > 0) found.push(path)
    }
  }
  walk(root)
  if (device.disk.model.stat(`${home}/packs`) !== undefined) walk(`${home}/packs`)
  return found.filter((path) => !path.startsWith(`${root}/.harp/`) || path.startsWith(`${root}/.harp/kept/`))
}

function rot({ chance }: DiskWorld, device: DiskDevice, path: string): boolean {
  const { model } = device.disk
  const stat = model.stat(path)
  if (stat?.kind !== 'file' || stat.size === 0) return false
  model.rot(path, chance.below(stat.size), chance.below(8))
  device.oracle.rotted(path)
  return true
}

/** What users did, as the log says. */
function operations(devices: readonly DiskDevice[]): number {
  const { replica } = devices.find(({ folder }) => folder?.content !== undefined)?.folder ?? {}
  return replica?.order.filter(({ kind }) => kind === 'operation').length ?? 0
}

async function checkBody(
  world: DiskWorld,
  device: DiskDevice,
  group: readonly DiskDevice[],
  before: readonly string[] | undefined,
): Promise<void> {
  const { folder, name } = device
  if (folder === undefined) return
  const others = group.filter((other) => other !== device)
  const lost = lostPaths(world, device)
  const here = onDisk(device)
  if (before !== undefined) {
    demand(here.join() === before.join(), 'rot', () => `${name} was not hurt: ${difference(here, before)}`)
  }
  const named = new Set(folder.problems.map(({ path }) => path))
  if (folder.content !== undefined) {
    const wrong = new Set([...differing(here, inView(device))].filter((path) => !lost.has(path)))
    for (const path of wrong) {
      const shown = folder.replica.view.at(path.split('/'))
      const version = shown === undefined || shown.kind === 'directory' ? '' : shown.current.entry.hash
      demand(named.has(path), 'rot', () => `${name}: ${path} is damaged, and nothing is told`)
      demand(!isHeld(others, version), 'rot', () => `${name}: ${path} is damaged, and others have it`)
      world.count('named')
    }
  }
  for (const { id } of folder.chunks.damagedChunks(new Uint8Array(0), 1_000)) {
    const has = others.find((other) => other.folder?.chunks.has(id) === true)
    const text = Buffer.from(id).toString('hex').slice(0, 12)
    demand(has === undefined, 'rot', () => `${name}: chunk ${text} is damaged, and ${has?.name} has it`)
    world.count('named')
  }
  world.counts['healed'] = (world.counts['healed'] ?? 0) + (folder.content?.upkeep.healed ?? 0)
  await checkFound(world, device, named)
}

/** Nothing is found now that was not found in the period. */
async function checkFound(world: DiskWorld, device: DiskDevice, named: ReadonlySet<string>): Promise<void> {
  let result: unknown
  device.inProcess((folder) => {
    void auditOf(folder, false).then(
      (report) => (result = report),
      (error: unknown) => (result = error),
    )
  })
  await world.time.run(60_000, () => result !== undefined)
  const { findings } = (result ?? {}) as { findings?: readonly { code: string; path: string }[] }
  const lost = lostPaths(world, device)
  const fresh = findings?.filter(({ path }) => !named.has(path) && !lost.has(path))
  demand(fresh?.length === 0, 'rot', () => `${device.name}: ${JSON.stringify(fresh)} ${String(result)}`)
}

/** Paths of lines that are not in both. */
function differing(left: readonly string[], right: readonly string[]): Set<string> {
  const other = [
    ...left.filter((line) => !right.includes(line)),
    ...right.filter((line) => !left.includes(line)),
  ]
  return new Set(other.map((line) => line.split(' ')[0] ?? ''))
}
