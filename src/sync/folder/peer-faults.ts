import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { printable } from '../../base/printable.ts'
import { deviceText } from '../format/device-text.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceId } from '../ids.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { folderErrors } from './folder-errors.ts'

interface Fault {
  readonly detail: string
  readonly name: string
  barredUntil: number
}

const keptMs = 3_600_000
const barMs = 30_000
const mostDevices = 64
const detailCharacters = 200

/** Which devices broke the rules within the last hour, and how: people are told who it was. */
export class PeerFaults {
  readonly #suite: CryptoSuite
  readonly #clock: Clock
  readonly #faults: BoundedMap<DeviceId, Fault>
  #count = 0

  constructor(suite: CryptoSuite, clock: Clock) {
    this.#suite = suite
    this.#clock = clock
    const now = (): number => clock.monotonic()
    this.#faults = new BoundedMap({ maxEntries: mostDevices, maxAgeMs: keptMs, now })
  }

  /** `name`: as it calls itself. */
  add(device: DeviceId, name: string | undefined, detail: string): void {
    this.#count++
    const shown = name === undefined || name === '' ? 'a device' : name
    const barredUntil = this.#faults.get(device)?.barredUntil ?? 0
    this.#faults.set(device, { detail: printable(detail, detailCharacters), name: shown, barredUntil })
  }

  /** Since the start, of all devices. */
  get count(): number {
    return this.#count
  }

  /** It is not listened to for a while. */
  bar(device: DeviceId): void {
    const fault = this.#faults.get(device)
    if (fault !== undefined) fault.barredUntil = this.#clock.monotonic() + barMs
  }

  isBarred(device: DeviceId): boolean {
    return (this.#faults.get(device)?.barredUntil ?? 0) > this.#clock.monotonic()
  }

  get problems(): readonly FolderProblem[] {
    return [...this.#faults.entries()].map(([device, { name, detail }]) => ({
      code: 'FOLDER_DEVICE_FAULT',
      path: '',
      message: `${name} (${deviceText(this.#suite, device).slice(0, 7)}) broke the rules: ${detail}`,
      fix: folderErrors.FOLDER_DEVICE_FAULT.fix,
    }))
  }
}
