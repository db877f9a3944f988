import type { Family, LocalInterface } from './interfaces.ts'
import type { ServiceAnswer, ServicePacket } from './service-records.ts'

/** What discovery needs of the system; `node-network.ts` has it, tests have a model. */
export interface DiscoveryNetwork {
  interfaces(): readonly LocalInterface[]
  openBeacons(at: LocalInterface, family: Family, handlers: BeaconHandlers): BeaconChannel
  openServices(at: LocalInterface, handlers: ServiceHandlers): ServiceChannel
}

export interface BeaconHandlers {
  /** `source`: the address of the sender, with its zone if it is link-local. */
  onDatagram(bytes: Uint8Array, source: string): void
  /** In a few words; the channel is of no use any more. */
  onProblem(problem: string): void
}

/** Multicast of one family on one interface. */
export interface BeaconChannel {
  /** What stopped it from leaving, in a few words. Never rejects. */
  send(bytes: Uint8Array): Promise<string | undefined>
  close(): void
}

export interface ServiceHandlers {
  onQuery(packet: ServicePacket): void
  onResponse(packet: ServicePacket, source: string): void
  onProblem(problem: string): void
}

/** mDNS on one interface. Nothing throws or rejects. */
export interface ServiceChannel {
  query(name: string): Promise<string | undefined>
  respond(answers: readonly ServiceAnswer[]): Promise<string | undefined>
  close(): void
}

const words: Readonly<Record<string, string>> = {
  EPERM: 'a firewall on this device refuses multicast',
  EACCES: 'the system does not allow multicast',
  EADDRINUSE: 'another program has the UDP port to itself',
  ENETUNREACH: 'this network has no way for multicast',
  EHOSTUNREACH: 'this network has no way for multicast',
  ENODEV: 'the interface cannot multicast',
  EADDRNOTAVAIL: 'the interface has no usable address yet',
  EAFNOSUPPORT: 'the system has no such addresses',
  ENOBUFS: 'the system allows no more multicast groups',
}

/** What an error of a socket means to people. */
export function socketProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
  return `${words[code] ?? 'multicast does not work'} (${code})`
}
