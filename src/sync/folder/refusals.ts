import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import type { DeviceId } from '../ids.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { folderErrors } from './folder-errors.ts'
import { shownName, type DeviceWords } from './member-problems.ts'

/** Who just joined is refused for a moment by those who have not heard of it. */
const silentMs = 5_000
/** Longer than the longest time between two attempts. */
const keptMs = 600_000
const mostDevices = 64
const mostNames = 3

/** Members, as far as is known here, that do not take this device for one. */
export class Refusals {
  readonly #words: DeviceWords
  readonly #clock: Clock
  readonly #isMember: (device: DeviceId) => boolean
  /** Since when. */
  readonly #since: BoundedMap<DeviceId, number>

  /** `isMember`: as far as is known now. Whoever is none itself has no say. */
  constructor(words: DeviceWords, clock: Clock, isMember: (device: DeviceId) => boolean) {
    this.#words = words
    this.#clock = clock
    this.#isMember = isMember
    const now = (): number => clock.monotonic()
    this.#since = new BoundedMap({ maxEntries: mostDevices, maxAgeMs: keptMs, now })
  }

  note(device: DeviceId): void {
    this.#since.set(device, this.#since.get(device) ?? this.#clock.monotonic())
  }

  /** It does. */
  clear(device: DeviceId): void {
    this.#since.delete(device)
  }

  /** One for all of them. */
  get problems(): readonly FolderProblem[] {
    const now = this.#clock.monotonic()
    const devices = [...this.#since.entries()].filter(
      ([device, since]) => now - since >= silentMs && this.#isMember(device),
    )
    if (devices.length === 0) return []
    const names = devices.slice(0, mostNames).map(([device]) => shownName(this.#words, device))
    const more = devices.length > mostNames ? ` and ${devices.length - mostNames} more` : ''
    const message = `refused by ${names.join(', ')}${more}: as no member, or because the folder is not there any more`
    return [{ code: 'FOLDER_NOT_A_MEMBER', path: '', message, fix: folderErrors.FOLDER_NOT_A_MEMBER.fix }]
  }
}
