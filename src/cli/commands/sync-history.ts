import { printable } from '../../base/printable.ts'
import type { DeletedInfo, VersionInfo } from '../../sync/index.ts'
import { printLine, printTable } from '../output.ts'
import { absolutePath, folderArgument } from '../place-on-disk.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon, usageError } from '../running-daemon.ts'
import { formatSize } from './tunnels.ts'

export interface LogOptions extends OutputOptions {
  readonly path: string
}

const shownDigits = 12

/** `harp log PATH`: newest first. */
export async function showLog({ path, json }: LogOptions): Promise<void> {
  const versions = await connectToDaemon().call('log', { path: absolutePath(path) })
  if (json === true) {
    printLine(JSON.stringify(versions))
    return
  }
  printTable([['VERSION', 'TIME', 'DEVICE', 'SIZE', ''], ...versions.map((version) => versionRow(version))])
}

export interface RestoreOptions extends OutputOptions {
  readonly path: string
  readonly version: string
  readonly to?: string | undefined
}

/** `harp restore PATH --version V [--to DEST]` */
export async function restoreVersion({ path, version, to, json }: RestoreOptions): Promise<void> {
  if (!/^[0-9a-f]{6,64}$/i.test(version)) {
    throw usageError('this is no version', 'write 6 or more of the hex digits that `harp log` shows')
  }
  const destination = to === undefined ? undefined : absolutePath(to)
  const request = { path: absolutePath(path), version, to: destination }
  const restored = await connectToDaemon().call('restore', request)
  if (json === true) printLine(JSON.stringify(restored))
  else {
    const made = to === undefined ? `, as version ${restored.version.slice(0, shownDigits)}` : ''
    const what = `${version.slice(0, shownDigits)} (${formatSize(restored.size)})${made}`
    printLine(`${printable(restored.path)} has the content of ${what}`)
  }
}

export interface DeletedOptions extends OutputOptions {
  readonly folder: string
}

/** `harp deleted FOLDER` */
export async function showDeleted({ folder, json }: DeletedOptions): Promise<void> {
  const things = await connectToDaemon().call('deleted', { folder: folderArgument(folder) })
  if (json === true) printLine(JSON.stringify(things))
  else if (things.length === 0) printLine('Nothing that is deleted can be brought back.')
  else printTable([['TIME', 'BY', 'VERSION', 'SIZE', 'PATH'], ...things.map((thing) => deletedRow(thing))])
}

function versionRow(version: VersionInfo): string[] {
  const { current, concurrent, final, deleted } = version
  const marks = [
    current && 'current',
    concurrent && 'concurrent',
    final && 'final',
    current && deleted && 'deleted',
  ].filter((mark) => mark !== false)
  return [
    version.version.slice(0, shownDigits),
    version.time,
    printable(version.deviceName),
    formatSize(version.size),
    marks.join(', '),
  ]
}

function deletedRow({ time, deviceName, version, size, kind, path }: DeletedInfo): string[] {
  return [
    time,
    printable(deviceName),
    version?.slice(0, shownDigits) ?? '-',
    kind === 'file' ? formatSize(size) : '-',
    `${printable(path, 4_096)}${kind === 'directory' ? '/' : ''}`,
  ]
}
