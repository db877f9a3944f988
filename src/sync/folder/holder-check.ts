import type { DeviceId } from '../ids.ts'
import type { Presence } from '../presence/presence.ts'

export interface HolderCheckParts {
  readonly presence: () => Presence | undefined
  readonly isConnected: (device: DeviceId) => boolean
}

/** Content that others want, and that is dropped here only when each of them has all of it. */
export interface Claimed {
  /** Of what is here of it. */
  readonly ids: readonly Uint8Array[]
  readonly by: readonly DeviceId[]
  readonly answer: (isHeld: boolean) => void
}

const idsAtOnce = 4_096
const mostQuestions = 64
const deadlineMs = 10_000

/** Asks who holds what, many versions in one question, and only while those who want it are connected. */
export class HolderCheck {
  readonly #parts: HolderCheckParts
  #waiting: Claimed[] = []
  #ids = 0
  #questions = 0

  constructor(parts: HolderCheckParts) {
    this.#parts = parts
  }

  /** Answered by the next `flush` at the latest. */
  async add(claimed: Claimed): Promise<void> {
    const { presence, isConnected } = this.#parts
    if (presence() === undefined || !claimed.by.every((device) => isConnected(device))) {
      claimed.answer(false)
      return
    }
    if (this.#ids + claimed.ids.length > idsAtOnce) await this.flush()
    this.#waiting.push(claimed)
    this.#ids += claimed.ids.length
  }

  async flush(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    this.#ids = 0
    const [first] = waiting
    if (first === undefined) return
    if (waiting.length === 1 && first.ids.length > idsAtOnce) {
      first.answer(await this.#isHeld(first))
      return
    }
    const holders = await this.#ask(waiting.flatMap(({ ids }) => ids))
    let at = 0
    for (const { ids, by, answer } of waiting) {
      const from = at
      at += ids.length
      answer(by.every((device) => holdsAll(holders.get(device), from, at)))
    }
  }

  /** More than one question's worth. */
  async #isHeld({ ids, by }: Claimed): Promise<boolean> {
    for (let from = 0; from < ids.length; from += idsAtOnce) {
      const part = ids.slice(from, from + idsAtOnce)
      const holders = await this.#ask(part)
      if (!by.every((device) => holdsAll(holders.get(device), 0, part.length))) return false
    }
    return true
  }

  async #ask(ids: readonly Uint8Array[]): Promise<ReadonlyMap<DeviceId, readonly boolean[]>> {
    const presence = this.#parts.presence()
    if (presence === undefined || this.#questions >= mostQuestions) return new Map()
    this.#questions++
    return presence.holders(ids, deadlineMs)
  }
}

function holdsAll(holds: readonly boolean[] | undefined, from: number, to: number): boolean {
  if (holds === undefined || holds.length < to) return false
  for (let at = from; at < to; at++) if (holds[at] !== true) return false
  return true
}
