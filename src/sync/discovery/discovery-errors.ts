import type { ErrorEntry } from '../../base/errors.ts'

/** Codes of discovery, for docs/errors.md. */
export const discoveryErrors = {
  DISCOVERY_MULTICAST: {
    summary:
      'No network of this device lets it find others by multicast. Devices whose addresses are known are reached all the same.',
    fix: 'Allow multicast on the interface (`ip link set DEVICE multicast on`) and UDP ports 22784 and 5353 in the firewall. If it shall stay so: `harp up --no-discovery`; devices are then reached at the addresses that are known.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>
