/**
 * The environments the rows need. `default` is what `npm run conformance` asks of a foreign gateway; rows of
 * `own` start (and break) gateways of their own.
 */
import type { Environment } from '../support/gateway-process.ts'

export interface Profile {
  readonly environment: Environment
  readonly blacklistCount: number
  readonly sessionLifetimeMs: number
  /** Profiles without a gateway that all rows share. */
  readonly isShared: boolean
}

const base = { HP_BLACKLIST_COUNT: '3', HP_SESSION_LIFETIME: '2', HP_TRUSTED_PROXY_IPS: '127.0.0.0/8' }
const shared = { blacklistCount: 3, sessionLifetimeMs: 2_000, isShared: true }

export const profiles = {
  default: { ...shared, environment: base },
  'no-session-cache': {
    ...shared,
    sessionLifetimeMs: 0,
    environment: { ...base, HP_SESSION_LIFETIME: '0', HP_TIMEOUT_SERVER: '900ms' },
  },
  'untrusted-peer': { ...shared, environment: { ...base, HP_TRUSTED_PROXY_IPS: '192.0.2.0/24' } },
  'trusted-list': {
    ...shared,
    environment: { ...base, HP_TRUSTED_PROXY_IPS: `"192.168.100.20/24", bad, ::1, '127.0.0.0/8'` },
  },
  'short-window': { ...shared, environment: { ...base, HP_BLACKLIST_WINDOW: '2' } },
  'short-timeouts': {
    ...shared,
    environment: {
      ...base,
      HP_TIMEOUT_CONNECT: '500ms',
      HP_TIMEOUT_CLIENT: '500',
      HP_TIMEOUT_SERVER: '1500ms',
      HP_TIMEOUT_TUNNEL: '1200ms',
    },
  },
  'endless-tunnel': {
    ...shared,
    environment: { ...base, HP_TIMEOUT_CLIENT: '300ms', HP_TIMEOUT_SERVER: '400ms', HP_TIMEOUT_TUNNEL: '0s' },
  },
  own: { ...shared, environment: base, isShared: false },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles

export const profileNames = Object.keys(profiles) as readonly ProfileName[]
