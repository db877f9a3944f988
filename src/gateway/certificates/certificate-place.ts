import type { ConfigFiles, ConfigProblem } from '../config/config.ts'
import type { Environment } from '../config/env.ts'
import { parseConfig } from '../config/parse-config.ts'

/** Where certificates and their holders are; `tls` is false with HP_FRP_DISABLE_TLS. */
export interface CertificatePlace {
  readonly certsDir: string
  readonly stateDir: string
  readonly tls: boolean
  readonly validityDays: number
}

export type CertificatePlaceAnswer =
  | { readonly kind: 'ok'; readonly place: CertificatePlace }
  | { readonly kind: 'wrong'; readonly problems: readonly ConfigProblem[] }

const names = ['HARP_CERTS_DIR', 'HP_FRP_DISABLE_TLS', 'HARP_STATE_DIR', 'XDG_STATE_HOME', 'HOME'] as const
// With nothing on the disk, something is to be made, so the days are checked.
const noFiles: ConfigFiles = { readFile: () => undefined, exists: () => false }

/** For commands in a shell that does not have the shared key; `toMake` looks at HP_FRP_CERT_VALIDITY_DAYS too. */
export function readCertificatePlace(env: Environment, toMake: boolean): CertificatePlaceAnswer {
  const needed = toMake ? [...names, 'HP_FRP_CERT_VALIDITY_DAYS'] : names
  const picked = Object.fromEntries(needed.map((name) => [name, env[name]]))
  // The two settings without which there is no configuration; nothing uses them here.
  const standIns = { HP_SHARED_KEY: 'not-used-for-this-command', NC_INSTANCE_URL: 'http://nextcloud.invalid' }
  const { config, problems } = parseConfig({ ...picked, ...standIns }, noFiles)
  if (config === null) return { kind: 'wrong', problems }
  const { certsDir, stateDir, frpTls: tls, frpCertValidityDays: validityDays } = config
  return { kind: 'ok', place: { certsDir, stateDir, tls, validityDays } }
}
