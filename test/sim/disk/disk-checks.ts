import { auditOf, restoringOf } from '../../../src/sync/folder/content-requests.ts'
import { historyOf } from '../../../src/sync/folder/file-history.ts'
import type { EntryHash } from '../../../src/sync/ids.ts'
import { demand } from '../violation.ts'
import { root, type DiskDevice } from './disk-device.ts'
import { difference, inView, onDisk } from './disk-lines.ts'
import type { DiskWorld } from './disk-run.ts'

/** What must hold of devices that have nothing more to do. */
export async function checkDisks(world: DiskWorld): Promise<void> {
  const { devices } = world
  const [first] = devices as [DiskDevice, ...DiskDevice[]]
  const all = devices.map((device) => onDisk(device))
  for (const [index, device] of devices.entries()) {
    const shown = inView(device)
    demand(
      all[index]?.join('\n') === shown.join('\n'),
      'I1',
      () => `${device.name}: disk and log differ: ${difference(all[index] ?? [], shown)}`,
    )
    demand(
      all[index]?.join('\n') === all[0]?.join('\n'),
      'I1',
      () => `${device.name} differs from ${first.name}: ${difference(all[index] ?? [], all[0] ?? [])}`,
    )
    const digests = JSON.stringify(device.folder?.replica.digest())
    demand(
      digests === JSON.stringify(first.folder?.replica.digest()),
      'I1',
      () => `${device.name} has another log`,
    )
    const left = device.disk.model.list(`${root}/.harp/tmp`).map(({ name }) => name)
    demand(left.length === 0, 'I8', () => `${device.name}: left in .harp/tmp: ${left.join(' ')}`)
    const { problems } = device.folder as NonNullable<typeof device.folder>
    demand(problems.length === 0, 'problems', () => `${device.name}: ${JSON.stringify(problems)}`)
    checkNames(device, all[index] ?? [])
  }
  checkAuthors(devices, first)
  checkForks(devices, devices)
  for (const device of devices) await checkAudit(world, device)
  await checkVersions(world)
}

export function checkNames(device: DiskDevice, lines: readonly string[]): void {
  for (const line of lines) {
    const path = line.split(' ')[0] ?? ''
    for (const step of path.split('/')) {
      // Somebody who may not write had something in a directory that is gone.
      const isLeft = device.folder?.role === 'read' && /~left\d+$/.test(step)
      const isGiven = isLeft || /^(?:Kanarienname-)?(?:[a-f]|between)(?:\.swp|~\d+)*$/.test(step)
      demand(step === '' || isGiven, 'I4', () => `${device.name}: who named ${path}?`)
    }
  }
}

/** Everything in the log is what a user of its author did. */
export function checkAuthors(devices: readonly DiskDevice[], { folder }: DiskDevice): void {
  const replica = folder?.replica
  if (replica === undefined) return
  const names = new Map<string, Set<string>>()
  for (const { operation } of replica.order) {
    if (operation === undefined || !('name' in operation)) continue
    const known = names.get(operation.node) ?? new Set()
    names.set(operation.node, known.add(plainName(operation.name)))
  }
  for (const { operation, deviceId } of replica.order) {
    const author = devices.find(({ id }) => id === deviceId)
    if (author === undefined || operation === undefined) continue
    if (operation.type === 'put') {
      const { hash } = operation.content
      demand(
        author.oracle.contents.has(hash),
        'invented',
        () => `${author.name} put ${hash.slice(0, 12)} as ${operation.name}, which none of its users wrote`,
      )
    } else if (operation.type === 'symlink') {
      demand(
        author.oracle.contents.has(`-> ${operation.target}`),
        'invented',
        () => `${author.name} linked ${operation.name}`,
      )
    } else if (operation.type === 'trash') {
      const name = replica.tree.node(operation.node)?.name ?? ''
      const removed = new Set([...author.oracle.removed].map(plainName))
      const isMeant = [...(names.get(operation.node) ?? [])].some((one) => removed.has(one))
      demand(isMeant, 'invented', () => `${author.name} trashed ${name}, which none of its users removed`)
    }
  }
}

/** Without the number that a file beside a directory has. */
function plainName(name: string): string {
  return name.replace(/~\d+$/, '')
}

export function checkForks(devices: readonly DiskDevice[], by: readonly DiskDevice[]): void {
  for (const { folder, name } of by) {
    const branches = new Map<string, number>()
    for (const { deviceId } of folder?.replica.log.branchHeads() ?? []) {
      branches.set(deviceId, (branches.get(deviceId) ?? 0) + 1)
    }
    for (const [device, count] of branches) {
      demand(
        count === 1,
        'I8',
        () => `${name}: ${count} chains of ${devices.find(({ id }) => id === device)?.name}`,
      )
    }
  }
}

/** `lost`: paths whose content nobody has. */
export async function checkAudit(
  { time }: DiskWorld,
  device: DiskDevice,
  lost: ReadonlySet<string> = new Set(),
): Promise<void> {
  let result: unknown
  device.inProcess((folder) => {
    void auditOf(folder, false).then(
      (report) => (result = report),
      (error: unknown) => (result = error),
    )
  })
  await time.run(60_000, () => result !== undefined)
  const { findings } = (result ?? {}) as { findings?: readonly { code: string; path: string }[] }
  // Bytes of a pack that a loss of power took: read as if they were not there, and told.
  const others = findings?.filter(({ code, path }) => {
    return !lost.has(path) && (device.boots === 1 || code !== 'FOLDER_AUDIT_CHUNK')
  })
  demand(others?.length === 0, 'audit', () => `${device.name}: ${JSON.stringify(result)} ${String(result)}`)
}

/** Brings a version back beside the folder. Returns the hash of what came, or what went wrong. */
export async function restore(
  world: DiskWorld,
  reader: DiskDevice,
  path: readonly string[],
  version: EntryHash,
): Promise<unknown> {
  const to = `/home/restored-${++world.restored}`
  let result: unknown
  reader.inProcess((folder) => {
    void restoringOf(folder)
      .toFile(path, version, to)
      .then(
        () => (result = 'done'),
        (error: unknown) => (result = error),
      )
  })
  await world.time.run(700_000, () => result !== undefined)
  return result === 'done' ? reader.oracle.contentAt(to) : (result ?? new Error('nothing came'))
}

/** I3: with `keep all` every version can be brought back. */
async function checkVersions(world: DiskWorld): Promise<void> {
  const { devices, chance } = world
  const reader = chance.pick(devices)
  const replica = reader.folder?.replica
  if (replica === undefined) return
  for (const { path, shown } of replica.view.walk()) {
    if (shown.kind === 'directory') continue
    for (const { version, operation } of historyOf(replica, path)?.versions ?? []) {
      if (operation.type !== 'put') continue
      const result = await restore(world, reader, path, version)
      const author = devices.find(({ id }) => id === replica.log.entry(version)?.deviceId)
      demand(
        typeof result === 'string' || operation.content.size > 1_048_576,
        'I3',
        () =>
          `${reader.name} cannot read ${path.join('/')} ${version.slice(0, 12)} (${operation.content.size} bytes) of ${author?.name}: ${String(result)}`,
      )
      if (typeof result !== 'string') {
        world.count('unreadable large versions')
        continue
      }
      world.count('versions')
      demand(
        result === operation.content.hash,
        'I3',
        () => `${path.join('/')} ${version.slice(0, 12)} was restored wrong`,
      )
    }
  }
}
