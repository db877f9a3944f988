import { addressGroup } from '../net/address.ts'

const clientPrefixBits = 64

/**
 * How many questions about unknown apps one client may have under way: the connections to Nextcloud are few,
 * and who asks for hundreds of invented ids must not keep them from everybody else (W26).
 */
export class LookupLimit {
  readonly #maxPerClient: number
  readonly #underWay = new Map<string, number>()

  constructor(maxPerClient: number) {
    this.#maxPerClient = maxPerClient
  }

  /** Runs the task, or gives null where the client has too many under way. */
  run<T>(client: string, task: () => Promise<T>): Promise<T> | null {
    const key = addressGroup(client, clientPrefixBits)
    const count = this.#underWay.get(key) ?? 0
    if (count >= this.#maxPerClient) return null
    this.#underWay.set(key, count + 1)
    return task().finally(() => {
      const left = (this.#underWay.get(key) ?? 1) - 1
      if (left === 0) this.#underWay.delete(key)
      else this.#underWay.set(key, left)
    })
  }
}
