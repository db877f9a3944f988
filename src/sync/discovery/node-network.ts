import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { discoveryLimits as limits } from './discovery-limits.ts'
import { localInterfaces, type Family } from './interfaces.ts'
import type { DiscoveryNetwork } from './network.ts'
import { NodeBeacons } from './node-beacons.ts'
import { openNodeServices } from './node-services.ts'
import { PacketGate } from './packet-gate.ts'

export function nodeNetwork(options: {
  readonly isLoopback: boolean
  readonly clock: Clock
}): DiscoveryNetwork {
  const beacons: Readonly<Record<Family, NodeBeacons>> = {
    ipv4: new NodeBeacons('ipv4'),
    ipv6: new NodeBeacons('ipv6'),
  }
  const gate = new PacketGate(limits.servicePacketsPerSecond, options.clock)
  return {
    interfaces: () => localInterfaces(networkInterfaces(), { isLoopback: options.isLoopback, isMulticast }),
    openBeacons: (at, family, handlers) => beacons[family].open(at, handlers),
    openServices: (at, handlers) => openNodeServices(at, gate, handlers),
  }
}

const multicastFlag = 0x1000

/** Linux says so in a file. Where there is none, it is tried. */
function isMulticast(name: string): boolean {
  try {
    return (Number(readFileSync(`/sys/class/net/${name}/flags`, 'latin1')) & multicastFlag) !== 0
  } catch {
    return true
  }
}
