import type { CryptoSuite } from '../../src/sync/crypto/suite.ts'
import { ExchangeSession } from '../../src/sync/exchange/exchange-session.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import type { Counts } from './counts.ts'
import type { SimDevice } from './device.ts'
import type { Message, Network } from './network.ts'
import type { Schedule } from './schedule.ts'
import { demand } from './violation.ts'

interface Connection {
  readonly number: number
  readonly sessions: readonly [ExchangeSession, ExchangeSession]
  readonly inFlight: [number, number]
}

interface Link {
  readonly ends: readonly [number, number]
  connection: Connection | undefined
}

/** What links need of the cluster they are in. */
export interface LinkedCluster {
  readonly schedule: Schedule
  readonly suite: CryptoSuite
  readonly devices: readonly SimDevice[]
  readonly network: Network
  readonly seated: ReadonlySet<number>
  readonly counts: Counts
  readonly time: number
  device(index: number): SimDevice
  change<T>(device: SimDevice, action: (replica: Replica) => T): T | undefined
}

/** Messages under way in one direction of a connection; what does not fit waits in the session. */
const window = 4

/** Who knows whom, and the exchange session of each connection. A connection that lost something is made anew. */
export class Links {
  readonly #cluster: LinkedCluster
  readonly #links: Link[]
  #connections = 0

  constructor(cluster: LinkedCluster) {
    this.#cluster = cluster
    this.#links = cluster.schedule.links.map((ends) => ({ ends, connection: undefined }))
  }

  /** New connections wherever both ends run and reach each other. */
  connect(): void {
    const { network } = this.#cluster
    for (const link of this.#links) {
      const [a, b] = link.ends
      const [left, right] = [this.#cluster.device(a).replica, this.#cluster.device(b).replica]
      if (link.connection !== undefined || left === undefined || right === undefined) continue
      if (!network.isOpen(a, b) || !network.isOpen(b, a)) continue
      link.connection = {
        number: ++this.#connections,
        sessions: [this.#session(left, b), this.#session(right, a)],
        inFlight: [0, 0],
      }
      this.#pump(link, 0)
      this.#pump(link, 1)
    }
  }

  /** Ends all connections, or those of one device. */
  disconnect(index?: number): void {
    for (const link of this.#links) {
      if (index === undefined || link.ends.includes(index)) link.connection = undefined
    }
  }

  /** The log or the statements of a device have grown. */
  tellPeers(index: number): void {
    for (const link of this.#links) {
      const side = link.ends.indexOf(index)
      if (side < 0 || link.connection === undefined) continue
      link.connection.sessions[side]?.changed()
      this.#pump(link, side)
    }
  }

  /** Takes a message of a session, or the news that its connection is dead. */
  deliver(message: Message): void {
    const link = this.#links.find(({ connection }) => connection?.number === message.connection)
    if (link === undefined) return
    if (message.kind === 'broken') this.#breakOff(link)
    else this.#hear(link, this.#cluster.device(message.to), message.bytes)
  }

  /** The session that a device has with somebody, and how to end it. */
  sessionOf(index: number): { readonly session: ExchangeSession; readonly end: () => void } | undefined {
    for (const link of this.#links) {
      const session = link.connection?.sessions[link.ends.indexOf(index)]
      if (session !== undefined) return { session, end: () => this.#breakOff(link) }
    }
    return undefined
  }

  /** The ends of a connection that is not at rest. */
  busy(): readonly [number, number] | undefined {
    return this.#links.find(({ connection }) => connection?.sessions.some(({ idle }) => !idle))?.ends
  }

  /** Devices without the folder carry nothing: who can reach the others only through them gets a link of its own. */
  joinIslands(): void {
    const { devices, seated } = this.#cluster
    const island = devices.map(({ index }) => index)
    const join = (a: number, b: number): boolean => {
      const [from, to] = [island[a], island[b]]
      if (from === to) return false
      island.forEach((name, index) => (island[index] = name === from ? (to as number) : name))
      return true
    }
    for (const { ends } of this.#links) if (ends.every((end) => seated.has(end))) join(...ends)
    for (const index of seated) {
      if (join(0, index)) this.#links.push({ ends: [0, index], connection: undefined })
    }
  }

  #hear(link: Link, device: SimDevice, bytes: Uint8Array): void {
    const { connection } = link
    if (connection === undefined) return
    const { time, counts, schedule } = this.#cluster
    const side = link.ends[0] === device.index ? 0 : 1
    const session = connection.sessions[side]
    connection.inFlight[1 - side] = Math.max(0, (connection.inFlight[1 - side] ?? 0) - 1)
    const outcome = this.#cluster.change(device, () => session.receive(bytes, device.now(time)))
    if (link.connection !== connection) return
    if (outcome?.fault !== undefined || outcome?.strike !== undefined) {
      counts.faults++
      demand(!schedule.network.streams, 'session', () => {
        return `${device.name} blames an honest peer: ${JSON.stringify(outcome.fault ?? outcome.strike)}`
      })
      if (outcome.fault !== undefined) {
        this.#breakOff(link)
        return
      }
    }
    this.#pump(link, side)
    this.#pump(link, 1 - side)
  }

  #breakOff(link: Link): void {
    link.connection = undefined
    this.connect()
  }

  #session(replica: Replica, peer: number): ExchangeSession {
    const { suite } = this.#cluster
    return new ExchangeSession(replica, { suite, folderId: replica.folderId, peer: `device-${peer}` })
  }

  #pump(link: Link, side: number): void {
    const { connection } = link
    const session = connection?.sessions[side]
    const [from, to] = [link.ends[side], link.ends[1 - side]]
    if (connection === undefined || session === undefined || from === undefined || to === undefined) return
    const { network, time, counts } = this.#cluster
    while ((connection.inFlight[side] ?? 0) < window) {
      const bytes = session.next(this.#cluster.device(from).now(time))
      if (bytes === undefined) return
      connection.inFlight[side] = (connection.inFlight[side] ?? 0) + 1
      counts.messages++
      network.send(time, { kind: 'session', from, to, connection: connection.number, bytes })
    }
  }
}
