import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../base/errors.ts'
import type { CheckInfo } from '../device/daemon-api.ts'
import type { BackupNote, RestoredFact } from '../device/home-records.ts'
import type { FolderId } from '../ids.ts'
import { failed, ok, some, time, warning } from './outcome.ts'

/** What of a home is looked at. */
export interface KeptKeys {
  /** Of the home. */
  readonly path: string
  readonly hasDevice: boolean
  readonly restored: RestoredFact | undefined
  readonly backup: BackupNote | undefined
  readonly folders: readonly { readonly id: FolderId; readonly name: string }[]
}

const othersMayUse = 0o077
const secrets = ['device.json', 'restored.json']

/** Whether the keys of this device are safe: from others on this machine, and from being lost. */
export function checkKeys(kept: KeptKeys, now: number): readonly CheckInfo[] {
  if (!kept.hasDevice) return [failed('keys', `there is no device in ${kept.path}`, 'harp init')]
  const checks = [checkModes(kept.path), checkBackup(kept, now)]
  const { restored } = kept
  if (restored === undefined) return checks
  const message = `this device was made again from a backup, ${ago(restored.time, now)}: it goes on with new histories`
  return [...checks, ok('restored', message)]
}

function checkModes(home: string): CheckInfo {
  const name = 'key files'
  const open: string[] = []
  for (const file of ['', ...secrets]) {
    const path = join(home, file)
    const found = lookAt(path)
    if (found === undefined) continue
    if (typeof found === 'string') return failed(name, `${path}: ${found}`, `make ${home} yours: chown -R`)
    if (found.uid !== process.getuid?.()) {
      return failed(name, `${path} belongs to another user`, `run harp as its owner, or chown -R ${home}`)
    }
    if ((found.mode & othersMayUse) !== 0) open.push(path)
  }
  if (open.length === 0) return ok(name, `for their owner alone, in ${home}`)
  // The home with mode 0755 is no leak as long as the files in it are closed.
  const isLeak = open.some((path) => path !== join(home, ''))
  const message = `others on this machine may look into ${some(open)}`
  const fix = `chmod go-rwx ${open.join(' ')}`
  return isLeak ? failed(name, message, fix) : warning(name, message, fix)
}

function checkBackup({ backup, folders }: KeptKeys, now: number): CheckInfo {
  const name = 'key backup'
  const fix = 'harp backup-key -o FILE, and keep the file elsewhere'
  if (backup === undefined) return warning(name, 'no backup of the keys was made here', fix)
  const made = `a backup of the keys was made ${ago(backup.time, now)}`
  const missing = folders.filter(({ id }) => !backup.folders.includes(id)).map((folder) => folder.name)
  if (missing.length > 0) return warning(name, `${made}, without the keys of ${some(missing)}`, fix)
  return ok(name, made)
}

function lookAt(path: string): { readonly uid: number; readonly mode: number } | string | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    const code = errorCode(error)
    return code === 'ENOENT' ? undefined : code
  }
}

function ago(text: string, now: number): string {
  const at = Date.parse(text)
  return Number.isNaN(at) ? 'at some time' : `${time(Math.max(0, now - at))} ago`
}
