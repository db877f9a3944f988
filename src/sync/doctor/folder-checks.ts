import type { CheckInfo } from '../device/daemon-api.ts'
import type { FolderFacts } from './folder-facts.ts'
import { failed, ok, some, time, warning } from './outcome.ts'

/** Whether folders go on, this device is what it was in them, and whoever decides their order is there. */

export interface FailedFacts {
  readonly name: string
  readonly message: string
  readonly fix: string
}

export function checkContent(folders: readonly FolderFacts[]): CheckInfo[] {
  const name = 'content'
  const damaged = folders.filter((folder) => folder.damaged > 0)
  if (damaged.length === 0) return [ok(name, 'nothing is known to be damaged')]
  return damaged.map((folder) => {
    const message = `${folder.name}: ${folder.damaged} chunks or files are damaged, and no connected device has them`
    const fix =
      'connect a device that has them; see harp status for their names. Look at the disk: it loses data'
    return failed(name, message, fix)
  })
}

const authorityMs = 86_400_000

export function checkFolders(folders: readonly FolderFacts[], broken: readonly FailedFacts[]): CheckInfo[] {
  const name = 'folders'
  const stuck = folders
    .filter(({ isBlocked, isRevoked }) => isBlocked && !isRevoked)
    .map((folder) => {
      const [problem] = folder.problems
      const fix = problem?.fix || 'see harp status'
      return failed(name, `${folder.name}: ${problem?.message ?? 'blocked'}`, fix)
    })
  const closed = broken.map((each) => failed(name, `${each.name}: ${each.message}`, each.fix))
  const found = [...closed, ...stuck]
  if (found.length > 0) return found
  const paused = folders.filter(({ isPaused }) => isPaused).map((folder) => folder.name)
  const rest = paused.length === 0 ? '' : `; paused: ${some(paused)}`
  return [ok(name, `${folders.length} open${rest}`)]
}

export function checkRoles(folders: readonly FolderFacts[]): CheckInfo[] {
  const name = 'roles'
  const found: CheckInfo[] = []
  for (const folder of folders) {
    if (folder.isRevoked) {
      const fix = 'ask an admin of it for an invitation; the files stay as they are'
      found.push(failed(name, `this device was revoked in ${folder.name}`, fix))
    }
    if (folder.isForked) {
      const message = `two histories of this device exist in ${folder.name}: it may only read there`
      const fix = 'stop the copy of it; then let an admin invite this device again'
      found.push(failed(name, message, fix))
    }
    if (folder.forked.length > 0) {
      const message = `in ${folder.name} two histories exist of ${some(folder.forked)}: only read from there`
      const fix = 'restored from a copy, or a cloned disk: stop the copy, then invite the device again'
      found.push(warning(name, message, fix))
    }
    if (folder.waiting > 0) {
      const message = `${folder.name}: ${folder.waiting} changes wait for others that have not come yet`
      found.push(warning(name, message, 'connect the devices that were there when they were made'))
    }
  }
  return found.length > 0 ? found : [ok(name, 'no folder revoked this device, none has two histories of one')]
}

export function checkAuthorities(folders: readonly FolderFacts[], now: number): CheckInfo[] {
  const name = 'authority'
  return folders.flatMap((folder): CheckInfo[] => {
    const { authority } = folder
    if (authority === undefined) return []
    const { isSelf, isConnected, statedAt, open } = authority
    const stated = statedAt === undefined ? 'never' : `${time(Math.max(0, now - statedAt))} ago`
    const shown = `${folder.name}: ${isSelf ? 'this device' : authority.name}, last statement ${stated}`
    const problem = folder.problems.find(({ code }) => code.startsWith('SYNC_AUTHORITY'))
    if (problem !== undefined) return [failed(name, `${folder.name}: ${problem.message}`, problem.fix)]
    if (isSelf || isConnected || open === 0) return [ok(name, shown)]
    const message = `${shown}; it is away, and ${open} changes are not final`
    const fix = `start ${authority.name}; all goes on meanwhile, but nothing becomes final`
    const isLong = statedAt === undefined || now - statedAt > authorityMs
    return [isLong ? failed(name, message, fix) : warning(name, message, fix)]
  })
}

export interface MemberClock {
  readonly name: string
  /** Theirs minus ours. */
  readonly aheadMs: number
}

const clockMs = 60_000
/** Changes of who is further ahead are held back. */
const heldMs = 300_000

/** With whom nobody has compared clocks there is nothing to say. */
export function checkClock(clocks: readonly MemberClock[], folders: readonly FolderFacts[]): CheckInfo[] {
  const name = 'clock'
  const found: CheckInfo[] = []
  const held = folders.reduce((sum, folder) => sum + folder.held, 0)
  const fix = 'set the clocks right on all devices: timedatectl set-ntp true'
  if (held > 0) {
    const message = `${held} changes are held back, from a clock more than 5 minutes ahead of this one`
    found.push(failed(name, message, fix))
  }
  const off = clocks.filter(({ aheadMs }) => Math.abs(aheadMs) > clockMs)
  // If all others say the same, it is this one that is wrong.
  const ahead = off.filter(({ aheadMs }) => aheadMs > 0).length
  const isThis =
    clocks.length > 1 && (ahead === clocks.length || (ahead === 0 && off.length === clocks.length))
  for (const { name: device, aheadMs } of isThis ? off.slice(0, 1) : off) {
    const where = isThis ? 'this device is' : `${device} is`
    const isAhead = isThis ? aheadMs < 0 : aheadMs > 0
    const message = `the clock of ${where} ${time(aheadMs)} ${isAhead ? 'ahead' : 'behind'}`
    const isBad = Math.abs(aheadMs) > heldMs
    found.push(isBad ? failed(name, message, fix) : warning(name, message, fix))
  }
  if (found.length > 0) return found
  const worst = Math.max(0, ...clocks.map(({ aheadMs }) => Math.abs(aheadMs)))
  const text =
    clocks.length === 0
      ? 'no other device is connected to compare it with'
      : `differs by ${time(worst)} at most from ${clocks.length === 1 ? '1 other device' : `${clocks.length} other devices`}`
  return [ok(name, text)]
}
