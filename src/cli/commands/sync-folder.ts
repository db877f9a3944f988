import { printable } from '../../base/printable.ts'
import { parseSize, type FolderInfo } from '../../sync/index.ts'
import { printLine, printTable } from '../output.ts'
import { directoryPath, folderArgument } from '../place-on-disk.ts'
import type { OutputOptions } from '../report-error.ts'
import { connectToDaemon, usageError } from '../running-daemon.ts'

export interface AddFolderOptions extends OutputOptions {
  readonly path: string
  readonly name?: string | undefined
  readonly authority?: string | undefined
}

/** `harp folder add PATH`: returns when the folder is known; scanning goes on. */
export async function addFolder({ path, name, authority, json }: AddFolderOptions): Promise<void> {
  const folder = await connectToDaemon().call('addFolder', { path: directoryPath(path), name, authority })
  printFolder(folder, json, `Folder ${printable(folder.name)} is ${folder.path}. Let others in: harp invite`)
}

/** `harp folder list` */
export async function listFolders({ json }: OutputOptions): Promise<void> {
  const folders = await connectToDaemon().call('folders')
  if (json === true) printLine(JSON.stringify(folders))
  else if (folders.length === 0) printLine('No folders yet: harp folder add PATH')
  else printTable([['NAME', 'STATE', 'ROLE', 'ID', 'PATH'], ...folders.map((folder) => row(folder))])
}

export interface FolderOptions extends OutputOptions {
  readonly folder: string
}

/** `harp folder pause FOLDER` */
export async function pauseFolder({ folder, json }: FolderOptions): Promise<void> {
  const paused = await connectToDaemon().call('pause', { folder: folderArgument(folder) })
  printFolder(paused, json, `Folder ${printable(paused.name)} is paused.`)
}

export interface ResumeOptions extends FolderOptions {
  readonly acceptDeletions?: boolean | undefined
}

/** `harp folder resume FOLDER [--accept-deletions]` */
export async function resumeFolder({ folder, acceptDeletions, json }: ResumeOptions): Promise<void> {
  const request = { folder: folderArgument(folder), acceptDeletions }
  const resumed = await connectToDaemon().call('resume', request)
  printFolder(resumed, json, `Folder ${printable(resumed.name)} goes on: ${resumed.state}.`)
}

/** `harp folder remove FOLDER`: the files stay. */
export async function removeFolder({ folder, json }: FolderOptions): Promise<void> {
  const removed = await connectToDaemon().call('remove', { folder: folderArgument(folder) })
  const text = `Folder ${printable(removed.name)} is no longer synced. Its files stay in ${printable(removed.path)}`
  printFolder(removed, json, text)
}

export interface QuotaOptions extends FolderOptions {
  readonly size: string
}

/** `harp folder quota FOLDER SIZE`: what is too much goes by itself. */
export async function setQuota({ folder, size, json }: QuotaOptions): Promise<void> {
  const request = { folder: folderArgument(folder), quota: quotaArgument(size, 'SIZE') }
  const cache = await connectToDaemon().call('setQuota', request)
  printFolder(cache, json, `The cache ${printable(cache.name)} takes no more than ${size}: harp status`)
}

/** `name`: of the argument or option. */
export function quotaArgument(text: string, name: string): number {
  const size = parseSize(text)
  if (size === undefined) throw usageError(`the value of ${name} is not right`, 'write a size such as 200G')
  return size
}

export function printFolder(folder: FolderInfo, json: boolean | undefined, text: string): void {
  printLine(json === true ? JSON.stringify(folder) : text)
}

function row({ name, state, role, id, path }: FolderInfo): string[] {
  return [printable(name), state, role ?? '-', id.slice(0, 12), printable(path)]
}
