import type { Clock } from '../../base/clock.ts'
import type { DeviceId } from '../ids.ts'
import { replacesLink, type LinkTraits } from './duplicate-links.ts'
import type { LinkErrorCode } from './link-errors.ts'

/** What the table knows of a link. */
export interface TableLink extends LinkTraits {
  readonly peerName: string
  readonly address: string
  readonly openedAt: number | undefined
}

/** What the logs of this device's folders say of other devices. */
export interface KnownMembers {
  readonly isMember: (id: DeviceId) => boolean
  /** A member of folders that this device was put out of, and of no others that it has. */
  readonly hasLeft?: (id: DeviceId) => boolean
  /** This device cannot tell yet who is a member. */
  readonly isBlank?: () => boolean
}

export interface LinkTableParts<Each> {
  readonly deviceId: DeviceId
  /** Of this run. */
  readonly instance: string
  readonly members: KnownMembers
  readonly onProblem: (code: LinkErrorCode, link: Each, message: string) => void
  readonly clock: Clock
  /** Two attempts to link the same two devices may overlap for so long. */
  readonly overlapMs: number
}

/** Said to a stranger by who knows its members. */
export const noMember = 'no member'
const outItself = 'revoked itself'
const noLog = 'no log yet'

/** The one link that stands to each other device; and whether one that has just said hello may take its place. */
export class LinkTable<Each extends TableLink> {
  readonly #parts: LinkTableParts<Each>
  readonly #links = new Map<DeviceId, Each>()
  /** Instances of a device that were replaced by another one. */
  readonly #replaced = new Map<DeviceId, string>()

  constructor(parts: LinkTableParts<Each>) {
    this.#parts = parts
  }

  get all(): readonly Each[] {
    return [...this.#links.values()]
  }

  get(peer: DeviceId): Each | undefined {
    return this.#links.get(peer)
  }

  has(peer: DeviceId): boolean {
    return this.#links.has(peer)
  }

  /** Why there shall be no link with who has just said hello. */
  refusal(link: Each): string | undefined {
    const { deviceId, instance, members, onProblem } = this.#parts
    if (link.peer === deviceId) {
      if (link.peerInstance === instance) return 'this is you'
      onProblem('LINK_OWN_CLONE', link, `another program with this device's keys is at ${link.address}`)
      return 'a clone'
    }
    if (!members.isMember(link.peer)) return this.#noLink(link.peer)
    const old = this.#links.get(link.peer)
    if (old === undefined) return undefined
    if (!this.#isOutlived(old) && !replacesLink(deviceId, old, link)) return 'duplicate'
    this.#noteReplaced(old, link)
    return undefined
  }

  /** Returns the one that it takes the place of. */
  put(link: Each): Each | undefined {
    const old = this.#links.get(link.peer)
    this.#links.set(link.peer, link)
    return old
  }

  /** It is gone; another one to the same device stays. */
  drop(link: Each): void {
    if (this.#links.get(link.peer) === link) this.#links.delete(link.peer)
  }

  /** What is said to who would be a stranger: only who knows better than the other end calls it one. */
  #noLink(peer: DeviceId): string {
    const { hasLeft, isBlank } = this.#parts.members
    if (hasLeft?.(peer) === true) return outItself
    return isBlank?.() === true ? noLog : noMember
  }

  /** Nobody dials who has a link: after the time that two attempts may overlap, the other end has lost this one. */
  #isOutlived({ openedAt }: Each): boolean {
    const { clock, overlapMs } = this.#parts
    return openedAt !== undefined && clock.monotonic() - openedAt > overlapMs
  }

  #noteReplaced(old: Each, link: Each): void {
    if (old.peerInstance === link.peerInstance) return
    if (this.#replaced.get(link.peer) === link.peerInstance) {
      const message = `${link.peerName} runs twice, here at ${link.address}`
      this.#parts.onProblem('LINK_PEER_CLONED', link, message)
    }
    this.#replaced.set(link.peer, old.peerInstance)
  }
}
