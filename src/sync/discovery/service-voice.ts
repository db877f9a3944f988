import { setTimeout as elapsed } from 'node:timers/promises'
import { formatHostPort } from '../../net/address.ts'
import { toHex } from '../ids.ts'
import { AnswerDelay } from './answer-delay.ts'
import { Beats } from './beats.ts'
import { discoveryLimits as limits, discoveryTimes as times, mdnsService } from './discovery-limits.ts'
import { isOn, toldPort, type LocalInterface } from './interfaces.ts'
import type { ServiceChannel } from './network.ts'
import { asksFor, goodbyeAnswers, parseServices, serviceAnswers } from './service-records.ts'
import type { Service, ServicePacket } from './service-records.ts'
import { fraction, type Voice, type VoiceParts } from './voice.ts'

/** mDNS on one interface: this device as a service, and the search for others. */
export class ServiceVoice implements Voice {
  readonly interface: LocalInterface
  readonly via = 'mdns'
  readonly #parts: VoiceParts
  readonly #channel: ServiceChannel
  readonly #beats: Beats
  readonly #answers: AnswerDelay
  /** As announced last, so that goodbye can be said to all of it. */
  #announced: readonly Service[] = []
  #name: string
  #problem: string | undefined
  #failedAt: number | undefined
  #isClosed = false

  constructor(parts: VoiceParts, at: LocalInterface) {
    this.interface = at
    this.#parts = parts
    this.#name = toHex(parts.random(8))
    this.#channel = parts.network.openServices(at, {
      onQuery: (packet) => {
        if (this.#announced.some(({ instance }) => asksFor(packet, instance))) this.#answers.ask()
      },
      onResponse: (packet, source) => this.#heard(packet, source),
      onProblem: (problem) => this.#fail(problem),
    })
    this.#answers = new AnswerDelay(parts.clock, parts.random, () => void this.#announce())
    this.#beats = new Beats({
      everyMs: times.queryMs,
      random: () => fraction(parts.random),
      run: (isBeginning) => void this.#search(isBeginning),
    })
  }

  get problem(): string | undefined {
    return this.#problem
  }

  get failedAt(): number | undefined {
    return this.#failedAt
  }

  begin(): void {
    if (this.#failedAt === undefined) this.#beats.begin()
  }

  /** Under another name, which nobody can tell belongs to the one before. */
  renew(): void {
    if (this.#isClosed) return
    const before = this.#announced
    this.#announced = []
    this.#name = toHex(this.#parts.random(8))
    void this.#goodbye(before).then(() => this.#announce())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#beats.stop()
    this.#answers.stop()
    if (this.#failedAt === undefined && this.#announced.length > 0) {
      await Promise.race([
        this.#goodbye(this.#announced),
        elapsed(times.goodbyeMs, undefined, { ref: false }),
      ])
    }
    this.#channel.close()
  }

  #fail(problem: string): void {
    if (this.#failedAt !== undefined) return
    this.#problem = problem
    this.#failedAt = this.#parts.clock.monotonic()
    void this.close()
  }

  async #search(isBeginning: boolean): Promise<void> {
    this.#note(await this.#channel.query(mdnsService))
    if (isBeginning) await this.#announce()
  }

  async #announce(): Promise<void> {
    if (this.#isClosed) return
    const { table, listening, keepTime } = this.#parts
    keepTime()
    const port = toldPort(listening(), this.interface, 'ipv4')
    const addresses = this.interface.ipv4 === undefined ? [] : [this.interface.ipv4]
    const count = port === 0 ? 0 : table.windows(limits.tagsOfService)
    const services: readonly Service[] = Array.from({ length: count }, (_, index) => ({
      instance: `${this.#name}${index}`,
      port,
      tags: table.window(limits.tagsOfService, index),
      addresses,
    }))
    this.#announced = services
    this.#answers.spoken()
    for (const service of services) {
      if (this.#isClosed || this.#announced !== services) return
      this.#note(await this.#channel.respond(serviceAnswers(service, times.serviceTtlSeconds)))
    }
  }

  async #goodbye(services: readonly Service[]): Promise<void> {
    for (const service of services) await this.#channel.respond(goodbyeAnswers(service))
  }

  #note(problem: string | undefined): void {
    if (this.#failedAt !== undefined) return
    this.#problem = problem
    if (problem === undefined) this.#parts.traffic.sent++
  }

  #heard(packet: ServicePacket, source: string): void {
    const { table, keepTime, traffic, onSighting } = this.#parts
    const services = parseServices(packet)
    if (services.length === 0) return
    keepTime()
    for (const { instance, port, tags, addresses } of services) {
      if (this.#announced.some((own) => own.instance === instance)) continue
      traffic.heard++
      const device = table.senderOf(tags)
      if (device === undefined) continue
      // Others would make this device dial wherever somebody likes.
      const near = addresses.filter((address) => isOn(address, this.interface))
      for (const host of near.length > 0 ? near : [source]) {
        const address = formatHostPort({ host, port })
        onSighting({ device, address, via: 'mdns', interfaceName: this.interface.name })
      }
    }
  }
}
