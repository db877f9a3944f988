/** The one place of sync that touches `process.env`: it picks by name and judges nothing. */
import { settingNames } from './setting-table.ts'

export type SyncEnvironment = Readonly<Record<string, string | undefined>>

const surroundings = ['HOME', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR']

export function readSyncEnvironment(source: SyncEnvironment = process.env): SyncEnvironment {
  const names = [...settingNames, ...surroundings]
  return Object.freeze(Object.fromEntries(names.map((name) => [name, source[name]])))
}
