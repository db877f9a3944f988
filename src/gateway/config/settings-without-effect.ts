/** HaRP's settings for its own processes. This gateway is one process: they are accepted and change nothing. */
import type { SettingTable } from './setting.ts'

const startsAtOnce = 'HaRP waits for its own processes here; this gateway is one process and starts at once.'
const noWatchdog =
  "HaRP's watchdog restarts its decision process. Here one process does everything: if it dies the container exits, " +
  'and `harp healthcheck` or `/readyz` tell whether it answers.'

export const settingsWithoutEffect = {
  HP_SPOA_ADDRESS: {
    kind: 'address',
    default: '127.0.0.1:9600',
    part: 'none',
    description:
      'The link between two of the processes of HaRP. The decision is made in this process and nothing listens there.',
  },
  HP_WAIT_AGENT_HTTP: { kind: 'integer', default: '60', part: 'none', description: startsAtOnce },
  HP_WAIT_SPOA: { kind: 'integer', default: '60', part: 'none', description: startsAtOnce },
  HP_WAIT_FRP: { kind: 'integer', default: '30', part: 'none', description: startsAtOnce },
  HP_WAIT_INTERVAL: { kind: 'number', default: '0.5', part: 'none', description: startsAtOnce },
  HP_WATCHDOG_ENABLED: { kind: 'boolean', default: 'true', part: 'none', description: noWatchdog },
  HP_WATCHDOG_INTERVAL: { kind: 'integer', default: '10', part: 'none', description: noWatchdog },
  HP_WATCHDOG_FAILS: { kind: 'integer', default: '12', part: 'none', description: noWatchdog },
} as const satisfies SettingTable
