import { isInNetworks, parseNetwork, type Network } from '../../net/address.ts'
import type { BanEntry } from '../admin/operator-api.ts'
import { ok, warn, type Check } from './check.ts'
import { withProxy } from './client-address-check.ts'

const name = 'bans'
const shown = 5

/** Addresses of machines, containers and local networks: where reverse proxies are. */
const localNetworks = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  // As a ban of ::1 is listed.
  '::/64',
  'fc00::/7',
  'fe80::/10',
].flatMap((each) => parseNetwork(each)?.network ?? [])

/** A banned browser is the protection at work; a banned reverse proxy is everybody's outage. */
export function judgeBans(bans: readonly BanEntry[], trustedProxies: readonly Network[]): Check {
  if (bans.length === 0) return ok(name, 'no address is banned')
  // An IPv6 ban is of a whole prefix; its first address tells where it is.
  const plain = bans.map((ban) => ban.address.split('/')[0] ?? '')
  const trusted = plain.find((address) => isInNetworks(address, trustedProxies))
  if (trusted !== undefined) {
    return warn(
      name,
      `${trusted} is banned, which HP_TRUSTED_PROXY_IPS names here: everybody behind it gets no answer`,
      `harp bans lift ${trusted}, and restart the gateway with this HP_TRUSTED_PROXY_IPS`,
    )
  }
  const local = plain.find((address) => isInNetworks(address, localNetworks))
  if (local !== undefined) {
    return warn(
      name,
      `${local} is banned, an address of a local network: if it is your reverse proxy, everybody behind it gets no answer`,
      `harp bans lift ${local}; for a reverse proxy, set HP_TRUSTED_PROXY_IPS=${withProxy(trustedProxies, local)}`,
    )
  }
  const list = bans.slice(0, shown).map((ban) => ban.address)
  const more = bans.length > shown ? ` and ${bans.length - shown} more` : ''
  return warn(
    name,
    `no answer for ${list.join(', ')}${more}, after too many failures`,
    'harp bans shows until when; harp bans lift ADDRESS ends it',
  )
}
