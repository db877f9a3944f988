import { canonicalAddress, canonicalForwardedAddress, isInNetworks, type Network } from '../../net/address.ts'

export interface ForwardedFor {
  /** All X-Forwarded-For lines joined by commas, if any. */
  readonly xForwardedFor: string | undefined
  readonly xRealIp: string | undefined
}

export interface ClientAddress {
  /** Canonical text; the key of bans and limits. */
  readonly address: string
  /** True where this is a trusted proxy itself, which is never banned (W7). */
  readonly isTrustedProxy: boolean
}

/** The TCP peer, looked at once per address rather than once per request. */
export interface Peer {
  /** Canonical text. */
  readonly address: string
  readonly isTrusted: boolean
}

export function describePeer(address: string, trusted: readonly Network[]): Peer {
  const canonical = canonicalAddress(address) ?? address
  return { address: canonical, isTrusted: isInNetworks(canonical, trusted) }
}

/**
 * Who is behind a TCP peer. Headers count only from a trusted proxy; the chain is walked from the right
 * past trusted proxies, so that what a client wrote itself never counts (W9). An element that is no address
 * ends the walk: then X-Real-IP, then the peer.
 */
export function clientAddress(peer: Peer, headers: ForwardedFor, trusted: readonly Network[]): ClientAddress {
  if (!peer.isTrusted) return { address: peer.address, isTrustedProxy: false }
  const forwarded =
    walkChain(headers.xForwardedFor, trusted) ?? canonicalForwardedAddress(headers.xRealIp?.trim() ?? '')
  const address = forwarded ?? peer.address
  return { address, isTrustedProxy: address === peer.address }
}

function walkChain(xForwardedFor: string | undefined, trusted: readonly Network[]): string | undefined {
  if (xForwardedFor === undefined) return undefined
  let leftmost: string | undefined
  for (const element of xForwardedFor.split(',').toReversed()) {
    const text = element.trim()
    if (text === '') continue
    const address = canonicalForwardedAddress(text)
    if (address === undefined) return undefined
    if (!isInNetworks(address, trusted)) return address
    leftmost = address
  }
  return leftmost
}
