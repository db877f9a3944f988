/**
 * The one place that touches `process.env`, once, at the start. It picks by name and judges nothing: every setting,
 * and every other `HP_*` or `HARP_*` name, so that a misspelt one can be named.
 */
import { settingNames } from './settings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export function readEnvironment(source: Environment = process.env): Environment {
  const known = new Set(settingNames)
  const picked = Object.entries(source).filter(([name]) => known.has(name) || /^(?:HP|HARP)_/.test(name))
  return Object.freeze(Object.fromEntries(picked))
}

/** The variables of these names only, for files that ask for some. */
export function pickEnvironment(names: readonly string[], source: Environment = process.env): Environment {
  return Object.freeze(Object.fromEntries(names.map((name) => [name, source[name]])))
}
