import { canonicalForwardedAddress, formatNetwork, isInNetworks, type Network } from '../../net/address.ts'
import { fail, ok, type Check } from './check.ts'
import { claimedAddress, type Echo } from './echo.ts'

const name = 'client address'
const setIt =
  'let the proxy say who the client is: nginx `proxy_set_header X-Forwarded-For $remote_addr;`, Caddy, Traefik and Apache do it by themselves (`ProxyAddHeaders On`)'

/**
 * Whether bans and limits meet the client and not the reverse proxy, judged by how a request through the proxy
 * arrived that claimed a false address. `trustedProxies` is what this environment says; the running gateway may
 * have been started with something else.
 */
export function judgeClientAddress(echo: Echo, trustedProxies: readonly Network[]): Check {
  const { peer, client } = echo
  const chain = echo.forwarded['x-forwarded-for']?.trim()
  const said = chain ?? echo.forwarded['x-real-ip']?.trim()
  if (echo.isUnchanged && chain === claimedAddress) {
    return ok(name, `${client}; there is no reverse proxy at this URL, or one that only passes TCP on`)
  }
  if (chain === claimedAddress) {
    return fail(
      name,
      `the reverse proxy at ${peer} passes on what clients claim in X-Forwarded-For and does not set it`,
      setIt,
    )
  }
  if (said === undefined) {
    return fail(
      name,
      `the reverse proxy at ${peer} does not say who the client is: everybody is counted as ${client}`,
      `${setIt}; and set HP_TRUSTED_PROXY_IPS=${withProxy(trustedProxies, peer)}`,
    )
  }
  if (!echo.isPeerTrusted) return untrusted(echo, trustedProxies)
  const last = said.split(',').at(-1)?.trim() ?? ''
  if (client === peer && canonicalForwardedAddress(last) === undefined) {
    return fail(
      name,
      `X-Forwarded-For arrives as "${said}", which does not end with an address: everybody is counted as ${peer}`,
      setIt,
    )
  }
  if (client === claimedAddress) {
    return ok(name, `taken from X-Forwarded-For "${said}"; this machine is itself a trusted proxy`)
  }
  return ok(
    name,
    `${client}, from ${chain === undefined ? 'X-Real-IP' : 'X-Forwarded-For'} of the reverse proxy at ${peer}`,
  )
}

function untrusted({ peer, client }: Echo, trustedProxies: readonly Network[]): Check {
  const problem = `the reverse proxy connects from ${peer}, which the gateway does not trust: everybody is counted as ${client}`
  if (isInNetworks(peer, trustedProxies)) {
    return fail(
      name,
      `${problem}, although HP_TRUSTED_PROXY_IPS here names it`,
      'restart the gateway: it was started with another HP_TRUSTED_PROXY_IPS',
    )
  }
  return fail(
    name,
    problem,
    `set HP_TRUSTED_PROXY_IPS=${withProxy(trustedProxies, peer)} and restart the gateway`,
  )
}

/** The setting's value with one more address. */
export function withProxy(trustedProxies: readonly Network[], address: string): string {
  const known = trustedProxies.map((network) => formatNetwork(network).replace(/(?<=\..*)\/32$|\/128$/, ''))
  return [...known, address].join(',')
}
