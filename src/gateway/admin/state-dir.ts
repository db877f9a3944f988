import type { ConfigFiles, ConfigProblem } from '../config/config.ts'
import type { Environment } from '../config/env.ts'
import { parseConfig } from '../config/parse-config.ts'

export type StateDir =
  | { readonly kind: 'ok'; readonly path: string }
  | { readonly kind: 'wrong'; readonly problems: readonly ConfigProblem[] }

const names = ['HARP_STATE_DIR', 'XDG_STATE_HOME', 'HOME'] as const
const noFiles: ConfigFiles = { readFile: () => undefined, exists: () => false }

/**
 * Where the gateway of this environment keeps its control socket. Only the settings of the state directory are
 * read, so that `harp bans` works in a shell that does not have the shared key.
 */
export function readStateDir(env: Environment): StateDir {
  const picked = Object.fromEntries(names.map((name) => [name, env[name]]))
  // The two settings without which there is no configuration; nothing uses them here.
  const standIns = { HP_SHARED_KEY: 'not-used-for-this-command', NC_INSTANCE_URL: 'http://nextcloud.invalid' }
  const { config, problems } = parseConfig({ ...picked, ...standIns }, noFiles)
  return config === null ? { kind: 'wrong', problems } : { kind: 'ok', path: config.stateDir }
}
