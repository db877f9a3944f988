import { formatHostPort } from '../../net/address.ts'
import { AnswerDelay } from './answer-delay.ts'
import { decodeBeacon, encodeBeacon, nonceLength } from './beacon-codec.ts'
import { Beats } from './beats.ts'
import { beaconPort, discoveryLimits as limits, discoveryTimes as times } from './discovery-limits.ts'
import { toldPort, type Family, type LocalInterface } from './interfaces.ts'
import type { BeaconChannel } from './network.ts'
import { fraction, type Voice, type VoiceParts } from './voice.ts'

/** So many of its own that did not come back mean that nothing can be heard here. */
const mostUnheard = 3
const deaf = `what is sent does not come back: a firewall on this device may drop UDP port ${beaconPort}`

/** Beacons on one interface, by one family of addresses. */
export class BeaconVoice implements Voice {
  readonly interface: LocalInterface
  readonly via = 'beacon'
  readonly #parts: VoiceParts
  readonly #family: Family
  readonly #channel: BeaconChannel
  readonly #beats: Beats
  readonly #answers: AnswerDelay
  /** Parts of the tag list that somebody waits for. */
  readonly #owed = new Set<number>()
  #nextWindow = 0
  #unheard = 0
  #sendProblem: string | undefined
  #failedAt: number | undefined

  constructor(parts: VoiceParts, at: LocalInterface, family: Family) {
    this.interface = at
    this.#parts = parts
    this.#family = family
    this.#channel = parts.network.openBeacons(at, family, {
      onDatagram: (bytes, source) => this.#heard(bytes, source),
      onProblem: (problem) => this.#fail(problem),
    })
    this.#answers = new AnswerDelay(parts.clock, parts.random, () => this.#answer())
    this.#beats = new Beats({
      everyMs: times.beaconMs,
      random: () => fraction(parts.random),
      run: (isBeginning) => this.#speak(isBeginning),
    })
  }

  get problem(): string | undefined {
    return this.#sendProblem ?? (this.#unheard > mostUnheard ? deaf : undefined)
  }

  get failedAt(): number | undefined {
    return this.#failedAt
  }

  begin(): void {
    if (this.#failedAt === undefined) this.#beats.begin()
  }

  renew(): void {
    this.#owed.clear()
  }

  close(): Promise<void> {
    this.#beats.stop()
    this.#answers.stop()
    this.#channel.close()
    return Promise.resolve()
  }

  #fail(problem: string): void {
    this.#sendProblem = problem
    this.#failedAt = this.#parts.clock.monotonic()
    void this.close()
  }

  #speak(isBeginning: boolean): void {
    const { table, keepTime } = this.#parts
    keepTime()
    const count = table.windows(limits.tagsOfBeacon)
    if (isBeginning) {
      for (let index = 0; index < count; index++) void this.#send(index, true)
      return
    }
    if (count === 0) return
    this.#nextWindow = (this.#nextWindow + 1) % count
    void this.#send(this.#nextWindow, false)
  }

  #answer(): void {
    this.#parts.keepTime()
    for (const index of this.#owed) void this.#send(index, false)
    this.#owed.clear()
  }

  async #send(window: number, wantsAnswer: boolean): Promise<void> {
    const { table, random, nonces, listening, traffic } = this.#parts
    const tags = table.window(limits.tagsOfBeacon, window)
    if (tags.length === 0) return
    const nonce = random(nonceLength)
    nonces.add(nonce, () => (this.#unheard = 0))
    const port = toldPort(listening(), this.interface, this.#family)
    const problem = await this.#channel.send(encodeBeacon({ wantsAnswer, port, nonce, tags }))
    if (this.#failedAt !== undefined) return
    this.#sendProblem = problem
    if (problem !== undefined) return
    traffic.sent++
    this.#unheard++
  }

  #heard(bytes: Uint8Array, source: string): void {
    const { table, nonces, gate, keepTime, traffic, onSighting } = this.#parts
    const beacon = decodeBeacon(bytes)
    // NOTE: own ones first, which must not get lost in a flood: they show that there is no firewall in between.
    if (beacon === undefined || nonces.isOwn(beacon.nonce) || !gate.enter()) return
    traffic.heard++
    keepTime()
    const device = table.senderOf(beacon.tags)
    if (device === undefined) return
    if (beacon.port > 0) {
      const address = formatHostPort({ host: source, port: beacon.port })
      onSighting({ device, address, via: 'beacon', interfaceName: this.interface.name })
    }
    if (!beacon.wantsAnswer) return
    this.#owed.add(table.windowFor(limits.tagsOfBeacon, device))
    this.#answers.ask()
  }
}
