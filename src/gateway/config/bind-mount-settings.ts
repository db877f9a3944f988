/** The HP_EXAPP_BIND_MOUNTS_* settings. */
import type { BindMountConfig } from './config.ts'
import { normalPath } from './host-path.ts'
import type { SettingName } from './settings.ts'
import { unquote, type SettingsReader } from './settings-reader.ts'

export function readBindMounts(reader: SettingsReader): BindMountConfig {
  return {
    isDisabled: reader.boolean('HP_EXAPP_BIND_MOUNTS_DISABLED'),
    allowed: readPaths(reader, 'HP_EXAPP_BIND_MOUNTS_ALLOWED'),
    denied: readPaths(reader, 'HP_EXAPP_BIND_MOUNTS_DENIED'),
    enforceAll: reader.boolean('HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL'),
  }
}

/** What protects the host is not to be guessed at: an entry that is no path is fatal. */
function readPaths(reader: SettingsReader, name: SettingName): readonly string[] {
  const entries = (reader.given(name) ?? '').split(',').map((entry) => unquote(entry.trim()).trim())
  return entries.flatMap((entry) => {
    if (entry === '') return []
    const path = normalPath(entry)
    if (path !== null) return [path]
    reader.fatal(
      name,
      'has an entry that is not an absolute path',
      'write full paths such as /srv/models',
      entry,
    )
    return []
  })
}
