/** What a directory holds, as a person or a program could tell: kinds, contents, targets, exec bits, times. */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** From relative paths to a line about each; without the private directory. */
export type TreeSnapshot = Readonly<Record<string, string>>

export function snapshot(root: string): TreeSnapshot {
  const lines: [string, string][] = []
  const waiting = ['']
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const name of namesIn(join(root, at))) {
      if (at === '' && name === '.harp') continue
      const path = join(at, name)
      const line = describe(join(root, path))
      if (line === undefined) continue
      lines.push([path, line])
      if (line === 'directory') waiting.push(path)
    }
  }
  lines.sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(lines)
}

/** The same, with times that are at most a microsecond apart. */
export function isSameTree(left: TreeSnapshot, right: TreeSnapshot): boolean {
  const paths = Object.keys(left)
  return (
    paths.length === Object.keys(right).length && paths.every((path) => isSameLine(left[path], right[path]))
  )
}

export function isSameLine(left: string | undefined, right: string | undefined): boolean {
  if (left === right) return true
  if (left === undefined || right === undefined) return false
  const pattern = /^(file .*) (\d+(?:\.\d+)?)$/
  const [, one, oneTime] = pattern.exec(left) ?? []
  const [, other, otherTime] = pattern.exec(right) ?? []
  return one !== undefined && one === other && Math.abs(Number(oneTime) - Number(otherTime)) < 0.0015
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // It went while we looked.
    return []
  }
}

function describe(path: string): string | undefined {
  try {
    const stat = lstatSync(path)
    if (stat.isDirectory()) return 'directory'
    if (stat.isSymbolicLink()) return `symlink to ${readlinkSync(path)}`
    const hash = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)
    // Node sets times as numbers of seconds, good to a microsecond or so: a comparison of those would fail now and then.
    const time = Math.round(stat.mtimeMs)
    return `file ${stat.size} ${hash} ${(stat.mode & 0o100) === 0 ? '-' : 'x'} ${time}`
  } catch {
    return undefined
  }
}
