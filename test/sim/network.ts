import type { Chance } from './chance.ts'
import type { NetworkPlan } from './schedule.ts'

/**
 * `session`: of an exchange session, in a connection. `batch`, `statement`: on its own. `broken`: the two ends of a
 * connection notice that it is dead.
 */
export type MessageKind = 'session' | 'batch' | 'statement' | 'broken'

export interface Message {
  readonly kind: MessageKind
  readonly from: number
  readonly to: number
  /** Messages of a connection that is no more are dropped by the receiver. */
  readonly connection: number
  readonly bytes: Uint8Array
}

interface Flight {
  readonly due: number
  readonly message: Message
}

/** Carries messages between devices on virtual time: late, lost, twice, in another order, or not at all. */
export class Network {
  readonly #devices: number
  #plan: NetworkPlan
  #chance: Chance
  /** In the order of delivery. */
  readonly #flights: Flight[] = []
  #blocked: Uint8Array
  /** Per link: when its last message in order arrives. */
  #lastDue: Float64Array
  /** Directions of connections in which something was lost. */
  readonly #torn = new Set<number>()
  delivered = 0

  constructor(plan: NetworkPlan, devices: number, chance: Chance) {
    this.#plan = plan
    this.#devices = devices
    this.#chance = chance
    this.#blocked = new Uint8Array(devices * devices)
    this.#lastDue = new Float64Array(devices * devices)
  }

  /** Decisions from now on come from here: each step brings its own. */
  drawFrom(chance: Chance): void {
    this.#chance = chance
  }

  change(plan: NetworkPlan): void {
    this.#plan = plan
  }

  cut(links: readonly (readonly [number, number])[]): void {
    for (const [from, to] of links) this.#blocked[from * this.#devices + to] = 1
  }

  heal(): void {
    this.#blocked.fill(0)
  }

  isOpen(from: number, to: number): boolean {
    return this.#blocked[from * this.#devices + to] === 0
  }

  get inFlight(): number {
    return this.#flights.length
  }

  /** When the next message arrives. */
  get nextDue(): number | undefined {
    return this.#flights[0]?.due
  }

  /** Drops everything under way. */
  clear(): void {
    this.#flights.length = 0
  }

  send(now: number, message: Message): void {
    const chance = this.#chance
    const link = message.from * this.#devices + message.to
    const [low, high] = this.#plan.latency
    if (message.kind === 'broken') {
      this.#fly(now + chance.between(1_000, 12_000), message)
      return
    }
    if (message.kind === 'session' && this.#torn.has(tearOf(message))) return
    if (this.#blocked[link] === 1 || chance.percent(this.#plan.loss)) {
      this.#lose(now, message)
      return
    }
    const arrival = now + chance.between(low, high)
    if (message.kind === 'session' && this.#plan.streams) {
      this.#flyInOrder(link, arrival, message)
      return
    }
    if (chance.percent(this.#plan.duplicates)) this.#fly(arrival + chance.between(0, high * 3), message)
    if (chance.percent(this.#plan.reordered)) {
      this.#fly(arrival, message)
      return
    }
    this.#flyInOrder(link, arrival, message)
  }

  /** The next message that arrives until then, with the time of its arrival. */
  take(until: number): Flight | undefined {
    const first = this.#flights[0]
    if (first === undefined || first.due > until) return undefined
    this.#flights.shift()
    const { from, to, kind } = first.message
    if (kind !== 'broken' && this.#blocked[from * this.#devices + to] === 1) {
      this.#lose(first.due, first.message)
      return this.take(until)
    }
    if (kind === 'session' && this.#torn.has(tearOf(first.message))) return this.take(until)
    this.delivered++
    return first
  }

  /** Of a stream nothing arrives behind what was lost; its ends notice some time later. */
  #lose(now: number, message: Message): void {
    if (message.kind !== 'session') return
    if (this.#plan.streams) this.#torn.add(tearOf(message))
    this.send(now, { ...message, kind: 'broken' })
  }

  #flyInOrder(link: number, arrival: number, message: Message): void {
    const due = Math.max(arrival, this.#lastDue[link] ?? 0)
    this.#lastDue[link] = due
    this.#fly(due, message)
  }

  #fly(due: number, message: Message): void {
    let at = this.#flights.length
    while (at > 0 && (this.#flights[at - 1] as Flight).due > due) at--
    this.#flights.splice(at, 0, { due, message })
  }
}

function tearOf({ connection, from }: Message): number {
  return connection * 64 + from
}
