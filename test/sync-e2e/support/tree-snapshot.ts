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
    // Time to the microsecond is what is promised.
    const time = Math.round(stat.mtimeMs * 1000) / 1000
    return `file ${stat.size} ${hash} ${(stat.mode & 0o100) === 0 ? '-' : 'x'} ${time}`
  } catch {
    return undefined
  }
}
