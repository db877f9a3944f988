import type { DeviceId } from '../ids.ts'

/** A member seen on the network: it is there, or was a moment ago. Nothing is proved before it is linked. */
export interface Sighting {
  readonly device: DeviceId
  /** `host:port`; a link-local IPv6 address has its zone. */
  readonly address: string
  readonly via: 'beacon' | 'mdns'
  /** Of this device: on which it was heard. */
  readonly interfaceName: string
}

/** How discovery is doing, for `harp status`, `harp peers` and `harp doctor sync`. */
export interface DiscoveryReport {
  readonly isOn: boolean
  readonly interfaces: readonly {
    readonly name: string
    readonly address: string
    /** Undefined: works as far as is known here. Otherwise why not, in a few words. */
    readonly beaconProblem: string | undefined
    readonly mdnsProblem: string | undefined
  }[]
  /** Why nothing at all is found, with what to do; undefined if something may be. */
  readonly problem: { readonly code: string; readonly message: string; readonly fix: string } | undefined
  readonly heard: number
  readonly sent: number
}
