import type { Logger } from '../../base/logger.ts'
import type { SyncSettings } from '../config/settings.ts'
import type { DaemonApi } from './daemon-api.ts'
import type { DeviceHome } from './home.ts'

export interface DaemonOptions {
  /** Locked, with a device. */
  readonly home: DeviceHome
  readonly settings: SyncSettings
  readonly log: Logger
  readonly version: string
}

export interface RunningDaemon {
  readonly api: DaemonApi
  /** `host:port`. */
  readonly listening: readonly string[]
  /** Where metrics are told, if anywhere. */
  readonly admin?: string | undefined
  stop(): Promise<void>
}

export type StartDaemon = (options: DaemonOptions) => Promise<RunningDaemon>
