import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { compareIds, toHex, type DeviceId } from '../ids.ts'
import { discoveryLimits as limits } from './discovery-limits.ts'
import { fillerTag, pairKey, pairTag } from './pair-tags.ts'

/** A device that may be found, and its X25519 key as its grant has it. */
export interface DiscoveryMember {
  readonly device: DeviceId
  readonly agreementKey: Uint8Array
}

export interface TagTableParts {
  readonly suite: CryptoSuite
  readonly deviceId: DeviceId
  readonly agreementSecret: Uint8Array
  readonly random: RandomBytes
}

interface Pair {
  readonly agreementKey: string
  readonly key: Uint8Array
}

/** Which tags this device sends in an hour, and whose tags it knows: those of that hour, the one before and the next. */
export class TagTable {
  readonly #parts: TagTableParts
  readonly #fillerSecret: Uint8Array
  #pairs = new Map<DeviceId, Pair>()
  #hour: number | undefined
  #own: readonly Uint8Array[] = []
  /** Of each device: where in `#own` the tag for it is. */
  readonly #places = new Map<DeviceId, number>()
  readonly #senders = new Map<string, DeviceId>()

  constructor(parts: TagTableParts) {
    this.#parts = parts
    this.#fillerSecret = parts.random(32)
  }

  get size(): number {
    return this.#pairs.size
  }

  /** Returns whether anything is different now. */
  setMembers(members: readonly DiscoveryMember[]): boolean {
    const { suite, deviceId, agreementSecret } = this.#parts
    const before = this.#pairs
    const pairs = new Map<DeviceId, Pair>()
    let isChanged = false
    const sorted = members.toSorted((left, right) => compareIds(left.device, right.device))
    for (const { device, agreementKey } of sorted) {
      if (device === deviceId || pairs.has(device)) continue
      if (pairs.size === limits.members) break
      const known = before.get(device)
      const name = toHex(agreementKey)
      if (known?.agreementKey === name) pairs.set(device, known)
      else {
        const key = pairKey(suite, agreementSecret, agreementKey)
        if (key === undefined) continue
        pairs.set(device, { agreementKey: name, key })
        isChanged = true
      }
    }
    if (!isChanged && pairs.size === before.size) return false
    this.#pairs = pairs
    this.#hour = undefined
    return true
  }

  /** Has to be called before the others, whenever time has passed. Returns whether the tags are others now. */
  setHour(hour: number): boolean {
    if (hour === this.#hour) return false
    this.#hour = hour
    const { suite, deviceId } = this.#parts
    const own: { readonly tag: Uint8Array; readonly device: DeviceId | undefined }[] = []
    this.#senders.clear()
    for (const [device, { key }] of this.#pairs) {
      own.push({ tag: pairTag(suite, key, deviceId, hour), device })
      for (const each of [hour - 1, hour, hour + 1]) {
        if (each >= 0) this.#senders.set(toHex(pairTag(suite, key, device, each)), device)
      }
    }
    if (own.length > 0) {
      for (let index = own.length; index < paddedCount(this.#pairs.size); index++) {
        own.push({ tag: fillerTag(suite, this.#fillerSecret, index, hour), device: undefined })
      }
    }
    // Their order tells nothing either.
    own.sort((left, right) => compareIds(toHex(left.tag), toHex(right.tag)))
    this.#own = own.map(({ tag }) => tag)
    this.#places.clear()
    for (const [place, { device }] of own.entries()) {
      if (device !== undefined) this.#places.set(device, place)
    }
    return true
  }

  /** In how many parts the tags are told, so many in each. */
  windows(size: number): number {
    return Math.ceil(this.#own.length / size)
  }

  window(size: number, index: number): readonly Uint8Array[] {
    return this.#own.slice(index * size, (index + 1) * size)
  }

  /** Which part has the tag for this device. */
  windowFor(size: number, device: DeviceId): number {
    return Math.floor((this.#places.get(device) ?? 0) / size)
  }

  /** Who wrote this list for us among others. Our own tags are nobody's. */
  senderOf(tags: readonly Uint8Array[]): DeviceId | undefined {
    for (const tag of tags) {
      const sender = this.#senders.get(toHex(tag))
      if (sender !== undefined) return sender
    }
    return undefined
  }
}

/** How many members there are shows as a power of two only. */
function paddedCount(count: number): number {
  let padded: number = limits.fewestTags
  while (padded < count) padded *= 2
  return padded
}
