import { createSocket, type Socket } from 'node:dgram'
import { beaconGroups, beaconPort } from './discovery-limits.ts'
import { cameFrom, type Family, type LocalInterface } from './interfaces.ts'
import { socketProblem, type BeaconChannel, type BeaconHandlers } from './network.ts'

/** Beacons of one family by node:dgram: one socket that hears on all interfaces, and one to speak on each. */
export class NodeBeacons {
  readonly #family: Family
  readonly #channels = new Set<NodeBeaconChannel>()
  #receiver: Socket | undefined
  #isBound = false

  constructor(family: Family) {
    this.#family = family
  }

  open(at: LocalInterface, handlers: BeaconHandlers): BeaconChannel {
    const channel = new NodeBeaconChannel(at, this.#family, handlers, () => this.#leave(channel))
    this.#channels.add(channel)
    this.#receiver ??= this.#listen()
    if (this.#isBound) queueMicrotask(() => this.#join(channel))
    return channel
  }

  #listen(): Socket {
    const isIpv6 = this.#family === 'ipv6'
    const receiver = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', reuseAddr: true, ipv6Only: isIpv6 })
    receiver.on('message', (bytes, { address }) => {
      cameFrom(address, this.#channels)?.handlers.onDatagram(new Uint8Array(bytes), address)
    })
    receiver.on('error', (error) => this.#failed(receiver, error))
    receiver.once('listening', () => {
      this.#isBound = true
      for (const channel of this.#channels) this.#join(channel)
    })
    receiver.bind(beaconPort, isIpv6 ? '::' : '0.0.0.0')
    return receiver
  }

  #join(channel: NodeBeaconChannel): void {
    if (!this.#channels.has(channel)) return
    try {
      this.#receiver?.addMembership(beaconGroups[this.#family], channel.ownInterface)
    } catch (error) {
      // NOTE: a membership may outlive the address that it was made with.
      if (!isCode(error, 'EADDRINUSE')) channel.fail(socketProblem(error))
    }
  }

  #leave(channel: NodeBeaconChannel): void {
    if (!this.#channels.delete(channel)) return
    if (this.#channels.size === 0) {
      this.#close()
      return
    }
    try {
      if (this.#isBound) this.#receiver?.dropMembership(beaconGroups[this.#family], channel.ownInterface)
    } catch {
      // The interface is gone, and its membership with it.
    }
  }

  #failed(receiver: Socket, error: Error): void {
    if (receiver !== this.#receiver) return
    this.#close()
    for (const channel of this.#channels) channel.fail(socketProblem(error))
  }

  #close(): void {
    this.#receiver?.close()
    this.#receiver = undefined
    this.#isBound = false
  }
}

class NodeBeaconChannel implements BeaconChannel {
  readonly interface: LocalInterface
  readonly handlers: BeaconHandlers
  /** As sockets name it. */
  readonly ownInterface: string
  readonly #group: string
  readonly #onClose: () => void
  readonly #sender: Socket
  readonly #isReady: Promise<string | undefined>
  #isClosed = false

  constructor(at: LocalInterface, family: Family, handlers: BeaconHandlers, onClose: () => void) {
    const isIpv6 = family === 'ipv6'
    this.interface = at
    this.handlers = handlers
    this.ownInterface = isIpv6 ? `::%${at.name}` : (at.ipv4 ?? '')
    this.#group = beaconGroups[family]
    this.#onClose = onClose
    this.#sender = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6 })
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    this.#isReady = promise
    this.#sender.on('error', (error) => {
      resolve(socketProblem(error))
      this.fail(socketProblem(error))
    })
    this.#sender.once('close', () => resolve('closed'))
    this.#sender.bind(0, isIpv6 ? '::' : '0.0.0.0', () => resolve(this.#prepare()))
  }

  async send(bytes: Uint8Array): Promise<string | undefined> {
    const problem = await this.#isReady
    if (problem !== undefined || this.#isClosed) return problem ?? 'closed'
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    this.#sender.send(bytes, beaconPort, this.#group, (error) =>
      resolve(error === null ? undefined : socketProblem(error)),
    )
    return promise
  }

  fail(problem: string): void {
    if (!this.#isClosed) this.handlers.onProblem(problem)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onClose()
    this.#sender.close()
  }

  #prepare(): string | undefined {
    try {
      this.#sender.setMulticastInterface(this.ownInterface)
      this.#sender.setMulticastTTL(1)
      this.#sender.setMulticastLoopback(true)
      return undefined
    } catch (error) {
      return socketProblem(error)
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
