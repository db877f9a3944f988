/** For commands that ask the running daemon of this home. */
import { HarpError } from '../base/errors.ts'
import {
  ControlClient,
  deviceErrors,
  deviceText,
  nodeSuite,
  openHome,
  parseDeviceText,
  readSyncEnvironment,
  type DeviceErrorCode,
  type DeviceHome,
} from '../sync/index.ts'

export function openThisHome(): DeviceHome {
  return openHome(readSyncEnvironment())
}

export function connectToDaemon(): ControlClient {
  return new ControlClient(openThisHome().socketPath)
}

export function cliError(code: DeviceErrorCode, message: string, cause?: unknown): HarpError {
  return new HarpError(code, message, { fix: deviceErrors[code].fix, cause })
}

export function usageError(message: string, fix: string): HarpError {
  return new HarpError('SYNC_USAGE', message, { fix })
}

/** As people read it; taken in both forms. */
export function shownDevice(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? deviceText(nodeSuite, id) : id
}

/** 64 hex digits, of a whole id in one of its two forms. */
export function parseDeviceId(text: string): string | undefined {
  const hex = text.trim().toLowerCase()
  return /^[0-9a-f]{64}$/.test(hex) ? hex : parseDeviceText(nodeSuite, text)
}
