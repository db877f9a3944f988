import { printable } from '../base/printable.ts'
import type { DeviceStatus, FolderStatus, StatusError } from '../sync/index.ts'
import { formatAge, formatSize } from './commands/tunnels.ts'
import { alignColumns } from './output.ts'

/** `harp status` for people: a line for each folder, and below it what goes on, who is there, what is wrong. */

const mostErrors = 5

export function statusLines(status: DeviceStatus): readonly string[] {
  const { device, listening, discovery, folders } = status
  const where = listening.length === 0 ? 'not listening' : `listening on ${listening.join(', ')}`
  const lines = [`${printable(device.name)}, ${where}`, ...discoveryLines(discovery)]
  if (folders.length === 0) return [...lines, '', 'No folders yet: harp folder add PATH']
  for (const folder of folders) {
    lines.push('', heading(folder))
    if (folder.state === 'syncing' && folder.activity !== '') lines.push(`  ${printable(folder.activity)}`)
    lines.push(...cacheLines(folder), ...peerLines(folder), ...problemLines(folder.errors))
  }
  return lines
}

/** Nothing while devices can be found, and when nobody wants that. */
function discoveryLines({ enabled, interfaces, errors }: DeviceStatus['discovery']): readonly string[] {
  if (!enabled) return []
  if (errors.length > 0) return problemLines(errors)
  // One of the two ways is enough.
  return interfaces
    .filter(({ beacons, mdns }) => beacons !== null && mdns !== null)
    .map(({ name, beacons, mdns }) => {
      return `  ! ${printable(name)}: devices are not found there (${printable(beacons ?? '')}; mDNS: ${printable(mdns ?? '')})`
    })
}

function cacheLines({ cache }: FolderStatus): readonly string[] {
  if (cache === null) return []
  const { quotaBytes, usedBytes, chunks, hitBytes, missBytes, evictedBytes } = cache
  const asked = hitBytes + missBytes
  const parts = [
    `cache: ${formatSize(usedBytes)} of ${formatSize(quotaBytes)} in ${chunks.toLocaleString('en-US')} chunks`,
  ]
  const share = Math.floor((hitBytes / asked) * 100)
  if (asked > 0) parts.push(`${share} % of ${formatSize(asked)} asked for was here`)
  if (evictedBytes > 0) parts.push(`${formatSize(evictedBytes)} made room`)
  return [`  ${parts.join('; ')}`]
}

function heading(folder: FolderStatus): string {
  const { name, state, path } = folder
  return `${printable(name)}  ${[state, ...amounts(folder)].join(', ')}  ${printable(path)}`
}

function amounts(folder: FolderStatus): readonly string[] {
  const { state, files, bytes, needFiles, needBytes, rate, etaSeconds } = folder
  // A cache knows of no files.
  if (folder.cache !== null) {
    if (needBytes === 0) return []
    return [...(rate > 0 ? [`${formatSize(rate)}/s`] : []), `about ${formatSize(needBytes)} to get`]
  }
  const all = `${count(files)}, ${formatSize(bytes)}`
  if (needFiles === 0 && needBytes === 0) return [all]
  const parts = [`${percentOf(folder)} %`]
  if (state === 'syncing' && rate > 0) parts.push(`${formatSize(rate)}/s`)
  if (state === 'syncing' && etaSeconds !== null) parts.push(`${formatAge(etaSeconds)} left`)
  return [...parts, `${count(needFiles)}, ${formatSize(needBytes)} to get`]
}

/** Of what the folder shows, what is here. 100 only if nothing is missing. */
export function percentOf({ files, bytes, needFiles, needBytes }: FolderStatus): number {
  const share = bytes > 0 ? 1 - needBytes / bytes : 1 - needFiles / Math.max(1, files)
  const percent = Math.max(0, Math.min(100, Math.floor(share * 100)))
  return needFiles > 0 || needBytes > 0 ? Math.min(99, percent) : percent
}

function peerLines({ peers }: FolderStatus): readonly string[] {
  return alignColumns(
    peers.map(({ name, id, connected, address }) => [
      `  ${printable(name === '' ? id : name)}`,
      connected ? `connected ${printable(address ?? '')}` : 'away',
    ]),
  )
}

/** What should be known, each with what to do. */
export function problemLines(problems: readonly StatusError[]): readonly string[] {
  const lines = problems.slice(0, mostErrors).map(({ code, path, message, fix }) => {
    const where = path === '' ? '' : `${printable(path)}: `
    return `  ! ${where}${printable(message)}${fix === '' ? '' : `. Fix: ${printable(fix)}`} [${code}]`
  })
  const more = problems.length - lines.length
  return more > 0 ? [...lines, `  ! and ${more} more: harp status --json`] : lines
}

function count(files: number): string {
  return files === 1 ? '1 file' : `${files.toLocaleString('en-US')} files`
}
