import type { FolderMode, Role } from '../../src/sync/format/membership.ts'
import { Chance } from './chance.ts'

/** What a user does; resolved to names when it is first run, so that a trace means the same with other steps dropped. */
export type Action =
  | {
      readonly type: 'put'
      readonly path: readonly string[]
      readonly content: number
      readonly exec: boolean
    }
  | { readonly type: 'symlink'; readonly path: readonly string[]; readonly target: string }
  | { readonly type: 'mkdir'; readonly path: readonly string[] }
  | { readonly type: 'move'; readonly path: readonly string[]; readonly to: readonly string[] }
  | { readonly type: 'trash'; readonly path: readonly string[] }
  /** The `which`-th of what can be restored now. */
  | { readonly type: 'restore'; readonly which: number }
  /** An old version once more: the `which`-th. */
  | { readonly type: 'old'; readonly path: readonly string[]; readonly which: number }
  | { readonly type: 'attr'; readonly path: readonly string[]; readonly exec: boolean }
  /** Several new files in one directory, in one batch. */
  | { readonly type: 'import'; readonly path: readonly string[]; readonly names: readonly string[] }

/** Between steps, or at the device's next commit: before or after it is durable, or as the disk takes no more. */
export type CrashPoint = 'now' | 'crash-before' | 'crash-after' | 'full'

export type StepBody =
  | { readonly do: 'act'; readonly device: number; readonly action?: Action }
  | { readonly do: 'cut'; readonly links: readonly (readonly [from: number, to: number])[] }
  | { readonly do: 'heal' }
  | { readonly do: 'crash'; readonly device: number; readonly at: CrashPoint }
  | { readonly do: 'start'; readonly device: number }
  | { readonly do: 'copy'; readonly device: number }
  /** The disk goes back to the last copy. A device that knows starts a new incarnation, one that does not may fork. */
  | { readonly do: 'roll-back'; readonly device: number; readonly known: boolean }
  | { readonly do: 'clock'; readonly device: number; readonly offset: number }
  | { readonly do: 'grant'; readonly device: number; readonly target: number; readonly role: Role }
  | { readonly do: 'revoke'; readonly device: number; readonly target: number }
  | {
      readonly do: 'join'
      readonly device: number
      readonly target: number
      readonly role: Role
      readonly snapshot: boolean
    }
  | { readonly do: 'publish' }
  | { readonly do: 'prove'; readonly device: number }
  /** Old batches of a device arrive once more, in any order. */
  | { readonly do: 'replay'; readonly device: number; readonly target: number }
  | {
      readonly do: 'forge'
      readonly target: number
      readonly how: 'bit' | 'stranger' | 'statement' | 'message'
    }
  | { readonly do: 'wait' }
  | { readonly do: 'rest' }

/** `id` seeds the step's own chances; `after` is how much time passes before it. */
export type Step = StepBody & { readonly id: number; readonly after: number }

export interface NetworkPlan {
  readonly latency: readonly [low: number, high: number]
  /** In percent of messages. */
  readonly loss: number
  readonly duplicates: number
  readonly reordered: number
  /** In percent of written batches: also sent to some device directly, outside of any session. */
  readonly strays: number
  /** Messages of a session stay in order and come once, as on TLS; only a break of the connection loses some. */
  readonly streams: boolean
}

export interface Schedule {
  readonly seed: number
  readonly devices: number
  readonly mode: FolderMode
  /** Index of the authority's device; 0 is the creator. */
  readonly authority: number
  /** Roles at the start; null for devices that join later or never. */
  readonly roles: readonly (Role | null)[]
  /** In ms, added to the true time. */
  readonly offsets: readonly number[]
  readonly links: readonly (readonly [number, number])[]
  readonly network: NetworkPlan
  readonly steps: readonly Step[]
}

const minute = 60_000
const day = 86_400_000

/** Everything that happens in a schedule, but for what depends on the state of the devices. */
export function makeSchedule(seed: number, fixedDevices?: number): Schedule {
  const chance = new Chance(seed, 0x5c4ed)
  const devices = fixedDevices ?? drawDevices(chance)
  const mode = chance.percent(50) ? 'server_authoritative' : 'peer'
  const authority = chance.percent(35) ? 0 : chance.below(devices)
  const roles = Array.from({ length: devices }, (_, index) => drawRole(chance, index, index === authority))
  const skew = chance.weighted({ seconds: 60, minutes: 25, days: 15 })
  return {
    seed,
    devices,
    mode,
    authority,
    roles,
    offsets: Array.from({ length: devices }, () => drawOffset(chance, skew)),
    links: drawLinks(chance, devices),
    network: drawNetwork(chance),
    steps: drawSteps(chance, { devices, mode, authority, roles, skew }),
  }
}

function drawDevices(chance: Chance): number {
  const size = chance.weighted({ two: 34, three: 36, four: 15, more: 15 })
  return size === 'two' ? 2 : size === 'three' ? 3 : size === 'four' ? 4 : chance.between(5, 8)
}

function drawRole(chance: Chance, index: number, isAuthority: boolean): Role | null {
  if (index === 0) return 'admin'
  if (isAuthority) return chance.percent(30) ? 'admin' : 'write'
  const role = chance.weighted({ write: 60, admin: 17, read: 6, cache: 3, later: 14 })
  return role === 'later' ? null : role
}

type Skew = 'seconds' | 'minutes' | 'days'

function drawOffset(chance: Chance, skew: Skew): number {
  if (skew === 'days' && chance.percent(40)) return chance.between(-5 * day, 5 * day)
  if (skew === 'minutes' && chance.percent(60)) return chance.between(-20 * minute, 20 * minute)
  return chance.between(-3_000, 3_000)
}

/** A mesh, a star or a line: always connected. */
function drawLinks(chance: Chance, devices: number): (readonly [number, number])[] {
  const shape = chance.weighted({ mesh: 40, star: 25, line: 20, tree: 15 })
  const links: (readonly [number, number])[] = []
  for (let to = 1; to < devices; to++) {
    for (let from = 0; from < to; from++) {
      if (shape === 'mesh' || (shape === 'star' && from === 0) || (shape === 'line' && from === to - 1)) {
        links.push([from, to])
      }
    }
    if (shape === 'tree') links.push([chance.below(to), to])
  }
  return links
}

function drawNetwork(chance: Chance): NetworkPlan {
  const slow = chance.between(5, 2_000)
  const kind = chance.weighted({ good: 35, lossy: 35, wild: 30 })
  return {
    latency: [chance.between(1, 50), 50 + slow],
    loss: kind === 'good' ? 0 : chance.between(1, 7),
    duplicates: kind === 'wild' ? chance.between(1, 20) : 0,
    reordered: kind === 'wild' ? chance.between(1, 30) : 0,
    strays: chance.percent(50) ? chance.between(10, 60) : 0,
    streams: kind !== 'wild' || chance.percent(60),
  }
}

interface Frame {
  readonly devices: number
  readonly mode: FolderMode
  readonly authority: number
  readonly roles: readonly (Role | null)[]
  readonly skew: Skew
}

function drawSteps(chance: Chance, frame: Frame): Step[] {
  const weights = drawWeights(chance, frame)
  const users = chance.percent(88) ? chance.between(8, 36) : chance.between(36, 80)
  const pace = chance.weighted({ fast: 45, slow: 35, hours: 20 })
  const steps: Step[] = []
  for (let acts = 0; acts < users && steps.length < 250;) {
    const body = drawStep(chance, chance.weighted(weights), frame)
    if (body.do === 'act') acts++
    steps.push({ ...body, id: steps.length, after: drawPause(chance, pace) })
    if (body.do === 'revoke' && chance.percent(70)) {
      // Before the device has heard of it.
      steps.push({ do: 'act', device: body.target, id: steps.length, after: chance.between(0, 50) })
      if (frame.roles[body.target] === 'admin' && chance.percent(60)) {
        const mate = chance.below(frame.devices)
        const what = frame.roles[mate] === null ? 'join' : 'grant'
        const grant = { device: body.target, target: mate, role: 'write', snapshot: false } as const
        steps.push({ do: what, ...grant, id: steps.length, after: chance.between(0, 50) })
      }
      // Some know both by now, and the authority perhaps only the revocation.
      if (weights.publish > 0 && chance.percent(50)) {
        steps.push({ do: 'publish', id: steps.length, after: chance.between(0, 1_500) })
      }
    }
    if (body.do === 'roll-back' && chance.percent(60)) {
      // Before anybody could tell the device what it has forgotten.
      steps.push({ do: 'act', device: body.device, id: steps.length, after: 0 })
      if (weights.publish > 0 && body.device === frame.authority) {
        steps.push({ do: 'publish', id: steps.length, after: 0 })
      }
    }
  }
  return steps
}

function drawWeights(chance: Chance, { devices, mode, roles }: Frame): Record<StepBody['do'], number> {
  const some = (percent: number, weight: number) => (chance.percent(percent) ? weight : 0)
  const partitions = some(55, 8)
  const crashes = some(40, 7)
  const copies = some(40, 10)
  return {
    act: 100,
    cut: partitions,
    heal: partitions === 0 ? 0 : 5,
    crash: crashes,
    start: 8,
    copy: copies,
    'roll-back': copies === 0 ? 0 : 9,
    clock: some(25, 4),
    grant: some(45, 5),
    revoke: devices > 2 ? some(45, 6) : 0,
    join: roles.includes(null) ? 14 : 0,
    publish: mode === 'server_authoritative' ? chance.between(3, 25) : 0,
    prove: 3,
    replay: some(40, 6),
    forge: some(30, 5),
    wait: 8,
    rest: 1,
  }
}

function drawPause(chance: Chance, pace: 'fast' | 'slow' | 'hours'): number {
  if (chance.percent(30)) return 0
  if (pace === 'fast') return chance.between(0, 500)
  if (pace === 'slow' || chance.percent(70)) return chance.between(0, 8_000)
  return chance.between(0, 180 * minute)
}

function drawStep(chance: Chance, kind: StepBody['do'], frame: Frame): StepBody {
  const device = chance.below(frame.devices)
  const target = chance.below(frame.devices)
  switch (kind) {
    case 'act':
    case 'start':
    case 'copy':
    case 'prove':
      return { do: kind, device }
    case 'cut':
      return { do: 'cut', links: drawCut(chance, frame.devices) }
    case 'heal':
    case 'publish':
    case 'wait':
    case 'rest':
      return { do: kind }
    case 'crash':
      return { do: 'crash', device, at: chance.pick(['now', 'crash-before', 'crash-after', 'full']) }
    case 'roll-back':
      return { do: 'roll-back', device, known: chance.percent(55) }
    case 'clock':
      return { do: 'clock', device, offset: drawOffset(chance, chance.percent(50) ? 'minutes' : frame.skew) }
    case 'grant':
      return {
        do: 'grant',
        device: drawAdmin(chance, frame),
        target,
        role: chance.weighted({ write: 6, admin: 3, read: 2, cache: 1 }),
      }
    case 'revoke':
      return { do: 'revoke', device: drawAdmin(chance, frame), target }
    case 'join': {
      const role = chance.weighted({ write: 7, admin: 2, read: 1, cache: 1 })
      const blank = frame.roles.flatMap((start, index) => (start === null ? [index] : []))
      return {
        do: 'join',
        device: drawAdmin(chance, frame),
        target: blank.length === 0 ? target : chance.pick(blank),
        role,
        snapshot: chance.percent(50),
      }
    }
    case 'replay':
      return { do: 'replay', device, target }
    case 'forge':
      return { do: 'forge', target, how: chance.pick(['bit', 'bit', 'stranger', 'statement', 'message']) }
  }
}

/** Mostly somebody who may do it, at least at the start. */
function drawAdmin(chance: Chance, { devices, roles }: Frame): number {
  const admins = roles.flatMap((role, index) => (role === 'admin' ? [index] : []))
  return chance.percent(85) ? chance.pick(admins) : chance.below(devices)
}

/** Two groups, or one device alone, or some links one way only. */
function drawCut(chance: Chance, devices: number): (readonly [number, number])[] {
  const kind = chance.weighted({ groups: 45, alone: 35, oneWay: 20 })
  const side = Array.from({ length: devices }, () => chance.below(2))
  const alone = chance.below(devices)
  const links: (readonly [number, number])[] = []
  for (let from = 0; from < devices; from++) {
    for (let to = 0; to < devices; to++) {
      if (from === to) continue
      if (kind === 'groups' && side[from] !== side[to]) links.push([from, to])
      if (kind === 'alone' && (from === alone || to === alone)) links.push([from, to])
      if (kind === 'oneWay' && chance.percent(30)) links.push([from, to])
    }
  }
  return links
}
