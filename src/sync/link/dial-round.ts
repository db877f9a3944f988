import { linkLimits } from './link-limits.ts'

/** Addresses that become known while others are tried, and are tried in the same round. */
const mostNewcomers = 2

/**
 * Tries the addresses of a device one after the other until `attempt` says that it is enough; returns whether it did.
 * `addresses`: the best first, asked for before each attempt, as where it was seen meanwhile goes before the rest.
 */
export async function dialRound(
  addresses: () => readonly string[],
  attempt: (address: string) => Promise<boolean>,
): Promise<boolean> {
  const tried = new Set<string>()
  const planned = new Set(addresses())
  let newcomers = 0
  while (tried.size < 2 * linkLimits.addresses) {
    const address = addresses().find(
      (each) => !tried.has(each) && (planned.has(each) || newcomers < mostNewcomers),
    )
    if (address === undefined) return false
    tried.add(address)
    if (!planned.has(address)) newcomers++
    if (await attempt(address)) return true
  }
  return false
}
