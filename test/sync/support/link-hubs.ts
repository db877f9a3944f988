/** Devices with a hub each, on real sockets of this machine, with times short enough for tests. */
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { deviceKeysOf, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import type { FrameStream, Link } from '../../../src/sync/link/link.ts'
import { LinkHub, type LinkHubOptions, type LinkProblem } from '../../../src/sync/link/link-hub.ts'
import { eventually } from '../../support/deadline.ts'
import { seededBytes } from './seeded-bytes.ts'

/** Keys in an order that tests can rely on: a larger number is a greater device id. */
export const linkDevices: readonly DeviceKeys[] = Array.from({ length: 4 }, (_, index) =>
  deviceKeysOf(nodeSuite, new Uint8Array(32).fill(index + 1), new Uint8Array(32).fill(index + 101)),
).toSorted((left, right) => (left.deviceId < right.deviceId ? -1 : 1))

export function linkDevice(index: number): DeviceKeys {
  return linkDevices[index]!
}

let seed = 1

export class TestHub {
  readonly hub: LinkHub
  readonly opened: Link[] = []
  readonly closed: string[] = []
  readonly problems: LinkProblem[] = []
  readonly addresses = new Map<DeviceId, readonly string[]>()
  readonly strangers = new Set<DeviceId>()
  pokes = 0

  constructor(identity: DeviceKeys, options: Partial<LinkHubOptions> = {}) {
    this.hub = new LinkHub({
      suite: nodeSuite,
      identity,
      name: `device ${identity.deviceId.slice(0, 4)}`,
      listen: { host: '127.0.0.1', port: 0 },
      isMember: (id) => !this.strangers.has(id),
      addressesOf: (id) => this.addresses.get(id) ?? [],
      onLink: (link) => this.opened.push(link),
      onLinkClosed: (_link, reason) => this.closed.push(reason),
      onStream: () => 'not wanted',
      onPoke: () => {
        this.pokes++
      },
      onJoin: async () => 'unknown',
      onProblem: (problem) => this.problems.push(problem),
      clock: systemClock,
      random: seededBytes(`hub ${seed++}`),
      log: silentLogger,
      ...options,
      times: { backOffFirstMs: 20, backOffLastMs: 100, sweepMs: 20, ...options.times },
    })
  }

  get deviceId(): DeviceId {
    return this.hub.deviceId
  }

  get address(): string {
    return this.hub.listening[0]!
  }

  /** Has the other one as a peer, at this address or its own. */
  dials(other: TestHub, address = other.address): void {
    this.addresses.set(other.deviceId, [address])
    this.hub.setPeers([...this.addresses.keys()])
  }

  linkTo(other: TestHub): Promise<Link> {
    return eventually('a link', () => this.hub.link(other.deviceId))
  }
}

/** Stops all that were started, also where a test has failed. */
export class HubGroup {
  readonly #hubs: TestHub[] = []

  async start(index: number, options: Partial<LinkHubOptions> = {}): Promise<TestHub> {
    const hub = new TestHub(linkDevice(index), options)
    this.#hubs.push(hub)
    await hub.hub.start()
    return hub
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hubs.splice(0).map(({ hub }) => hub.stop()))
  }
}

/** Collects what comes on a stream. */
export class StreamLog {
  readonly heads: string[] = []
  readonly payloads: number[] = []
  drains = 0
  closed: string | undefined
  readonly stream: FrameStream

  constructor(stream: FrameStream) {
    this.stream = stream
    stream.setHandler({
      onFrame: (head, payload) => {
        this.heads.push(new TextDecoder().decode(head))
        this.payloads.push(payload.length)
      },
      onDrain: () => {
        this.drains++
      },
      onClose: (reason) => {
        this.closed = reason
      },
    })
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
