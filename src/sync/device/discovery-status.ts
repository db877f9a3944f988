import type { DiscoveryReport } from '../discovery/sighting.ts'
import type { DiscoveryStatus } from './daemon-api.ts'

/** As `harp status` tells it. */
export function discoveryStatus({ isOn, interfaces, problem }: DiscoveryReport): DiscoveryStatus {
  return {
    enabled: isOn,
    interfaces: interfaces.map(({ name, address, beaconProblem, mdnsProblem }) => ({
      name,
      address,
      beacons: beaconProblem ?? null,
      mdns: mdnsProblem ?? null,
    })),
    errors: problem === undefined ? [] : [{ ...problem, path: '' }],
  }
}
