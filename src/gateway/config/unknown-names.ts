/** Warns of `HP_*` and `HARP_*` names that mean nothing here. Their values are not shown: they may be secrets. */
import type { ConfigProblem } from './config.ts'
import type { Environment } from './env.ts'
import { settingNames } from './settings.ts'

const mostWarnings = 20

export function findUnknownNames(environment: Environment): readonly ConfigProblem[] {
  const known = new Set(settingNames)
  const unknown = Object.keys(environment).filter(
    (name) => /^(?:HP|HARP)_/.test(name) && !known.has(name) && !isOfOthers(name, environment[name] ?? ''),
  )
  return unknown.slice(0, mostWarnings).map((name) => {
    const meant = closestName(name)
    return {
      severity: 'warning',
      name,
      value: null,
      message: 'is not a setting of this gateway and is ignored',
      fix:
        meant === undefined ? 'remove it, or check the name in the documentation' : `did you mean ${meant}?`,
    }
  })
}

/**
 * Kubernetes describes a Service called `harp` to every pod in HARP_SERVICE_HOST, HARP_PORT_8780_TCP and the like;
 * HARP_TEST_* are switches of this project's tests.
 */
function isOfOthers(name: string, value: string): boolean {
  if (name.startsWith('HARP_TEST_')) return true
  if (/_SERVICE_(?:HOST$|PORT(?:_|$))/.test(name)) return true
  if (/_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)) return true
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)
}

function closestName(name: string): string | undefined {
  const longest = Math.max(...settingNames.map((each) => each.length))
  if (name.length > longest + 3) return undefined
  const candidates = settingNames
    .map((each) => ({
      each,
      distance: Math.min(editDistance(name, each), editDistance(swapPrefix(name), each) + 1),
    }))
    .toSorted((a, b) => a.distance - b.distance)
  const best = candidates[0]
  return best !== undefined && best.distance <= 3 ? best.each : undefined
}

/** HARP_TIMEOUT_CLIENT for HP_TIMEOUT_CLIENT is the easiest mistake of all. */
function swapPrefix(name: string): string {
  return name.startsWith('HP_') ? name.replace('HP_', 'HARP_') : name.replace('HARP_', 'HP_')
}

function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [i, left] of one.split('').entries()) {
    const next = [i + 1]
    for (const [j, right] of other.split('').entries()) {
      const substituted = (row[j] ?? 0) + (left === right ? 0 : 1)
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? other.length
}
