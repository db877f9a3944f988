/** The one table of what can be set for sync; docs/configuration.md is generated from it. */
export interface SyncSetting {
  readonly kind: 'path' | 'address' | 'text' | 'integer' | 'rate' | 'duration' | 'enum' | 'secret'
  /** As a person would write it; empty: there is none. */
  readonly default: string
  /** Said in the documentation in place of `default`. */
  readonly defaultNote?: string
  /** Smallest and largest value; milliseconds for durations. */
  readonly min?: number
  readonly max?: number
  readonly choices?: readonly string[]
  /** Of `harp up`; goes before the environment. */
  readonly flag?: string
  readonly description: string
}

export const syncSettings = {
  HARP_HOME: {
    kind: 'path',
    default: '',
    defaultNote: '`$XDG_DATA_HOME/harp`, else `~/.local/share/harp`',
    description: 'Where the device, its folders and the socket of the daemon are. One daemon has one home.',
  },
  HARP_LISTEN: {
    kind: 'address',
    default: '[::]:22783',
    flag: '--listen',
    description:
      'Where other devices reach this one: `host:port`, `[ipv6]:port` or `:port`; port 0 is any free one. The default falls back to `0.0.0.0` without IPv6, and to a free port if this one is taken.',
  },
  HARP_NAME: {
    kind: 'text',
    default: '',
    defaultNote: 'the name given to `harp init`, else the host name',
    max: 64,
    flag: '--name',
    description: 'What other devices call this one.',
  },
  HARP_HASHERS: {
    kind: 'integer',
    default: '2',
    min: 1,
    max: 64,
    flag: '--hashers',
    description: 'Threads that read, hash, seal and write content.',
  },
  HARP_MAX_UPLOAD: {
    kind: 'rate',
    default: '0',
    flag: '--max-upload',
    description: 'Bytes per second sent to all devices together; `K`, `M`, `G` as suffix. `0`: no limit.',
  },
  HARP_MAX_DOWNLOAD: {
    kind: 'rate',
    default: '0',
    flag: '--max-download',
    description: 'The same for what is received.',
  },
  HARP_KEEP: {
    kind: 'enum',
    default: 'all',
    choices: ['all', 'staggered', 'current'],
    flag: '--keep',
    description:
      'What this device does with content that is no longer current: it keeps `all`, fewer with age (`staggered`), or none (`current`). The history itself always stays.',
  },
  HARP_RESCAN: {
    kind: 'duration',
    default: '1h',
    min: 10_000,
    max: 2_073_600_000,
    flag: '--rescan',
    description:
      'How often a folder is compared with its disk though nothing was heard of a change: a number and `s`, `m`, `h` or `d`; from 10 seconds to 24 days.',
  },
  HARP_SCRUB: {
    kind: 'rate',
    default: '2M',
    flag: '--scrub',
    description:
      'How fast everything that is held here is read again to find damage, at most, while a folder has nothing else to do: bytes per second, `K`, `M`, `G` as suffix. Mostly it is far slower: all of it is read once in 30 days. `0` or `off`: never.',
  },
  HARP_DISCOVERY: {
    kind: 'enum',
    default: 'on',
    choices: ['on', 'off', 'beacons', 'mdns', 'loopback'],
    flag: '--no-discovery',
    description:
      'How other devices of the local networks are found without an address: by own datagrams and by mDNS (`on`), by one of the two (`beacons`, `mdns`), or not at all (`off`, as the flag says: nothing is sent, no port is opened). `loopback`: on this machine alone, for tests.',
  },
  HARP_ADMIN_ADDRESS: {
    kind: 'address',
    default: 'off',
    flag: '--admin',
    description:
      'Where `/metrics` (Prometheus) and `/healthz` of `harp up` answer: `host:port`, or `:port` for this machine alone (`127.0.0.1`). Read-only and without secrets, but open to everyone who reaches the address. `off`: nowhere.',
  },
  HARP_LOG_LEVEL: {
    kind: 'enum',
    default: 'info',
    defaultNote: '`info`; `warning` with the live view of a terminal',
    choices: ['debug', 'info', 'warning', 'error'],
    flag: '--log-level',
    description: 'What `harp up` logs.',
  },
  HARP_PASSPHRASE: {
    kind: 'secret',
    default: '',
    description:
      'The passphrase of `harp backup-key` and `harp init --restore`, where no file is named and nobody can be asked.',
  },
} as const satisfies Readonly<Record<string, SyncSetting>>

export type SyncSettingName = keyof typeof syncSettings

export const settingNames: readonly string[] = Object.keys(syncSettings)
