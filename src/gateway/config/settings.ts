/**
 * The one table of everything that can be set. Parser, unknown-name check and docs/configuration.md all take names,
 * defaults and bounds from here.
 */
import type { Setting, SettingTable } from './setting.ts'
import {
  deploySettings,
  listenerSettings,
  logSettings,
  protectionSettings,
  requiredSettings,
  timeoutSettings,
} from './settings-inherited.ts'
import { kubernetesSettings } from './settings-kubernetes.ts'
import { ownSettings, surroundingSettings } from './settings-own.ts'
import { settingsWithoutEffect } from './settings-without-effect.ts'

const table = {
  ...requiredSettings,
  ...listenerSettings,
  ...timeoutSettings,
  ...protectionSettings,
  ...deploySettings,
  ...logSettings,
  ...ownSettings,
  ...kubernetesSettings,
  ...surroundingSettings,
  ...settingsWithoutEffect,
}

export type SettingName = keyof typeof table

export const settings: Readonly<Record<SettingName, Setting>> = table

export const settingNames: readonly string[] = Object.keys(table)

/** Files with which HaRP's generated configuration can be replaced. */
export const ignoredFiles: readonly string[] = ['/haproxy.cfg', '/frps.toml', '/frpc-docker.toml']

export interface SettingSection {
  readonly title: string
  readonly introduction: string
  readonly settings: SettingTable
}

/** The table in the order of docs/configuration.md. */
export const settingSections: readonly SettingSection[] = [
  {
    title: 'Required',
    introduction: 'The shared key in one of its two forms, and the URL.',
    settings: requiredSettings,
  },
  {
    title: 'Listeners, tunnels and proxies',
    introduction:
      'Addresses are `host:port`; `:8780`, `*:8780` and `[::]:8780` work. Two listeners cannot share a port of one address.',
    settings: listenerSettings,
  },
  {
    title: 'Timeouts',
    introduction:
      'A number with a unit `us`, `ms`, `s`, `m`, `h` or `d`; a bare number is **milliseconds**, as in HaRP. At most 24 days. ' +
      'Where `0` is not explained it means 24 days, with a warning.',
    settings: timeoutSettings,
  },
  {
    title: 'Sessions and bans',
    introduction: 'Failures are counted per client address in a sliding window.',
    settings: protectionSettings,
  },
  {
    title: 'What ExApps may mount',
    introduction:
      'Bind mounts that an administrator of Nextcloud gives an ExApp. Refused always: `/`, `/proc`, `/sys`, `/dev`, `/boot`, `/root`, sockets and directories of container and machine engines ' +
      '(the whole of a volume, `…/volumes/NAME/_data`, excepted), of systemd and D-Bus, account, SSH and scheduler files, and whatever contains one of them, such as `/etc`, `/run`, `/var`. ' +
      "Other directories of the host's system can be mounted read-only. Paths are compared as text: a link on the host to a refused place cannot be seen from here, and an app can put one into a directory that it may write to. " +
      'So these rules keep an administrator from mistakes; against an app that holds the shared key only `HP_EXAPP_BIND_MOUNTS_DISABLED` helps, or not giving apps the key (`HARP_FRP_REQUIRE_TOKENS=all`).',
    settings: deploySettings,
  },
  { title: 'Logging', introduction: 'The log goes to standard output, as JSON.', settings: logSettings },
  {
    title: 'Settings that HaRP does not have',
    introduction: 'All optional. With the defaults the gateway does what HaRP does.',
    settings: ownSettings,
  },
  {
    title: 'Kubernetes',
    introduction: 'While `HP_K8S_ENABLED` is off, a wrong value among these is a warning, not an error.',
    settings: kubernetesSettings,
  },
  {
    title: 'Taken from the surroundings',
    introduction: 'Not meant to be set for the gateway, but looked at.',
    settings: surroundingSettings,
  },
  {
    title: 'Accepted without effect',
    introduction:
      'These steer the separate processes of HaRP. They may stay in your environment; they are not checked.',
    settings: settingsWithoutEffect,
  },
]
