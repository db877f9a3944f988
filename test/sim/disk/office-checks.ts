import { revocationGraceMs } from '../../../src/sync/replica/fence.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { demand } from '../violation.ts'
import { checkAudit, checkAuthors, checkForks, checkNames } from './disk-checks.ts'
import { root, type DiskDevice } from './disk-device.ts'
import { difference, inView, onDisk } from './disk-lines.ts'
import type { DiskWorld } from './disk-run.ts'
import { groupOf, lostPaths } from './office-content.ts'
import { checkSessions, groupsOf } from './office-groups.ts'
import { checkRetention } from './office-retention.ts'

/** What people are told and what is no fault of anybody. */
const usual = new Set([
  'FOLDER_FENCED_WRITES',
  'FOLDER_NOT_A_MEMBER',
  'CACHE_LISTS_LEFT_OUT',
  'FOLDER_STORE_REPAIRED',
])
const missing = new Set([
  'FOLDER_CONTENT_MISSING',
  'FOLDER_CHUNKS_UNKNOWN',
  // Told until no download has failed any more.
  'FOLDER_DISK_FULL',
])
/** What a loss of power took, and nobody else had. */
const torn = 'FOLDER_CONTENT_DAMAGED'
const ofReaders = new Set(['FOLDER_READ_ONLY', 'FOLDER_TARGET_CHANGED'])

/** What must hold in an office where nobody has anything to do. */
export async function checkOffice(world: DiskWorld): Promise<void> {
  const { devices, office } = world
  const present = devices.filter(({ isAbsent }) => !isAbsent)
  checkSessions(present)
  const groups = groupsOf(present)
  world.count(`groups of ${Math.max(0, ...groups.map(({ length }) => length))}`)
  for (const group of groups) await checkGroup(world, group)
  for (const device of present) {
    if (device.quota !== undefined) checkCache(world, device)
    for (const group of groups) if (!group.includes(device)) checkRevoked(world, device, group)
  }
  office?.canaries.checkWires()
}

async function checkGroup(world: DiskWorld, group: readonly DiskDevice[]): Promise<void> {
  const full = group.filter(({ folder }) => folder?.content !== undefined)
  const [first] = full
  for (const device of group) checkLog(device, group[0] as DiskDevice, first)
  for (const device of full) checkDisk(world, device)
  if (first === undefined) return
  checkAuthors(world.devices, first)
  checkForks(world.devices, full)
  checkFences(world, full)
  for (const device of full) {
    if (device.folder?.role !== 'read') await checkAudit(world, device, lostPaths(world, device))
  }
  await checkRetention(world, full)
}

function checkLog(device: DiskDevice, other: DiskDevice, full: DiskDevice | undefined): void {
  const { size, frontier, order } = device.folder?.replica.digest() ?? {}
  const there = other.folder?.replica.digest()
  demand(
    size === there?.size && frontier === there?.frontier && order === there?.order,
    'I1',
    () =>
      `${device.name} (${device.folder?.role}) has another log than ${other.name}: ${JSON.stringify([device.folder?.replica.digest(), there])}`,
  )
  if (device.folder?.content === undefined || full === undefined) return
  demand(
    JSON.stringify(device.folder.replica.digest()) === JSON.stringify(full.folder?.replica.digest()),
    'I1',
    () => `${device.name} shows something else than ${full.name}`,
  )
}

function checkDisk(world: DiskWorld, device: DiskDevice): void {
  const { folder, name, disk } = device
  const lost = lostPaths(world, device)
  if (lost.size > 0) world.count('lost with a revoked device')
  const own = folder?.role === 'read' ? ofReaders : new Set<string>()
  const told = folder?.problems.filter(({ code, path }) => {
    // Those of other paths are told until nothing waits any more.
    if (missing.has(code)) return lost.size === 0 && own.size === 0
    if (code === torn && device.boots > 1) return own.size === 0 && !lost.has(path)
    if (code === 'FOLDER_AUDIT_CHUNK' && device.boots > 1) return isDamageHeld(world, device)
    return !usual.has(code) && !own.has(code)
  })
  demand(told?.length === 0, 'problems', () => `${name}: ${JSON.stringify(told)}`)
  // What cannot take its place because a reader changed what is there waits, and so does what nobody has all of.
  const left = own.size + lost.size > 0 ? [] : disk.model.list(`${root}/.harp/tmp`).map((one) => one.name)
  demand(left.length === 0, 'I8', () => `${name}: left in .harp/tmp: ${left.join(' ')}`)
  const [here, shown] = [onDisk(device), inView(device)].map((lines) => {
    return lines.filter((line) => !lost.has(line.split(' ')[0] ?? ''))
  }) as [string[], string[]]
  if (folder?.role === 'read') checkReader(device, here, shown)
  else {
    demand(
      here.join('\n') === shown.join('\n'),
      'I1',
      () => `${name}: disk and log differ: ${difference(here, shown)}`,
    )
  }
  checkNames(device, here)
}

/** Somebody could give a chunk that a loss of power took. */
function isDamageHeld(world: DiskWorld, device: DiskDevice): boolean {
  const [, ...others] = groupOf(world, device)
  const damaged = device.folder?.chunks.damagedChunks(new Uint8Array(0), 1_000) ?? []
  return damaged.some(({ id }) => others.some(({ folder }) => folder?.chunks.has(id) === true))
}

/** Whatever is other on the disk of a reader is what its own user did, and is told. */
function checkReader(device: DiskDevice, here: readonly string[], shown: readonly string[]): void {
  const { folder, oracle, name } = device
  const told = folder?.problems.some(({ code }) => ofReaders.has(code)) === true
  const isSame = here.join('\n') === shown.join('\n')
  const isOwn = oracle.contents.size + oracle.removed.size + oracle.touched > 0
  demand(isSame || isOwn, 'role', () => `${name} differs, and nobody changed it: ${difference(here, shown)}`)
  demand(isSame || told, 'role', () => `${name} differs, and nothing is told: ${difference(here, shown)}`)
  const readable = new Set(shown.map((line) => line.split(' ')[1]))
  for (const line of here) {
    const content = line.split(' ')[1] ?? ''
    if (line.endsWith('/') || content === '->' || readable.has(content) || shown.includes(line)) continue
    const isWritten = oracle.contents.has(content) || oracle.isCommitted(content)
    // A loss of power may have torn it.
    demand(isWritten || device.boots > 1, 'role', () => `${name}: who wrote ${line}?`)
  }
}

/** Fenced entries are the same for all, and those that the definition says. */
function checkFences(world: DiskWorld, full: readonly DiskDevice[]): void {
  const lists = full.map(({ folder }) =>
    folder?.replica.fencedOut
      .map(({ hash }) => hash)
      .toSorted()
      .join(),
  )
  for (const [index, list] of lists.entries()) {
    demand(list === lists[0], 'I16', () => `${full[index]?.name} has fenced off other entries`)
  }
  const replica = full[0]?.folder?.replica
  if (replica === undefined) return
  const { log } = replica
  const fenced = new Set(replica.fencedOut)
  world.counts['fenced'] = (world.counts['fenced'] ?? 0) + fenced.size
  for (const entry of replica.order) {
    if (entry.kind !== 'operation') continue
    const { revokesOf, grantsOf } = bound(log.membership)
    const revokes = revokesOf(entry.deviceId)
    // Who was let in again is judged by what it had seen; and what it was by void grants is another definition.
    if (revokes.length === 0 || grantsOf(entry.deviceId).length > 1) continue
    const unseen = revokes.filter((revoke) => !log.observes(entry, revoke))
    demand(unseen.length === revokes.length, 'I9', () => `${entry.hash} was written by a revoked device`)
    const isLate = unseen.some((revoke) => entry.hlc.ms > revoke.hlc.ms + revocationGraceMs)
    if (isLate) demand(fenced.has(entry), 'I16', () => `${entry.hash} was written too late, and counts`)
  }
}

function bound(membership: Replica['log']['membership']): Pick<typeof membership, 'revokesOf' | 'grantsOf'> {
  return {
    revokesOf: (device) => membership.revokesOf(device),
    grantsOf: (device) => membership.grantsOf(device),
  }
}

/** With everything that a group has, who was revoked opens nothing that was written by those who knew of it. */
function checkRevoked(world: DiskWorld, device: DiskDevice, group: readonly DiskDevice[]): void {
  const source = group.find(({ folder }) => folder?.content !== undefined)
  const truth = source?.folder?.replica
  if (source === undefined || truth === undefined) return
  const { log } = truth
  const revokes = log.membership.revokesOf(device.id)
  if (revokes.length === 0) return
  const { suite } = world
  const store = device.stores.log.copy()
  const random = (length: number): Uint8Array => world.chance.bytes(length)
  const fed = Replica.open({ suite, store, random, keys: device.keys, folderId: truth.folderId })
  for (const { type, bytes } of source.stores.log.records()) {
    if (type === 'batch') fed.receive(bytes, source.id, source.clock.wall() + revocationGraceMs * 10)
  }
  let closed = 0
  for (const { hash, kind, deviceId } of truth.order) {
    const entry = log.entry(hash)
    if (entry === undefined || kind !== 'operation' || deviceId === device.id) continue
    const knows = revokes.some((revoke) => log.observes(entry, revoke))
    if (!knows || log.membership.roleOf(device.id, [entry]) !== undefined) continue
    // Who is let in again gets all keys.
    const grants = fed.log.membership.grantsOf(device.id)
    if (grants.some((grant) => !log.observes(entry, log.entry(grant.hash) ?? grant))) continue
    const found = fed.log.entry(hash)
    demand(found !== undefined, 'I14', () => `${device.name} could not take ${hash}`)
    demand(
      found.operation === undefined,
      'revoked',
      () => `${device.name} was revoked, and opens ${hash.slice(0, 12)} of ${deviceId.slice(0, 12)}`,
    )
    closed++
  }
  world.counts['closed to who was revoked'] = (world.counts['closed to who was revoked'] ?? 0) + closed
}

/** I10: whatever a cache keeps says nothing. It is within its quota. */
function checkCache(world: DiskWorld, device: DiskDevice): void {
  world.office?.canaries.checkStores(device)
  const { folder, quota = 0, name } = device
  const { packBytes } = folder?.chunks.stats() ?? { packBytes: 0 }
  demand(packBytes <= quota, 'quota', () => `${name} holds ${packBytes} of ${quota} bytes`)
  if (packBytes > 0) world.count('caches')
  if ((folder?.cache?.status.evictedBytes ?? 0) > 0) world.count('evictions')
  demand(onDisk(device).length === 0, 'I10', () => `${name} has files: ${onDisk(device).join(' ')}`)
}
