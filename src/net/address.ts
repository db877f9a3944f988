import ipaddr from 'ipaddr.js'

/** IP addresses, networks and `host:port` texts, always in one canonical form. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

export interface Network {
  readonly address: Address
  readonly prefixBits: number
}

/** Canonical text of a bare IPv4 or IPv6 address (IPv4-mapped IPv6 becomes IPv4), or undefined. */
export function canonicalAddress(text: string): string | undefined {
  return parseAddress(text)?.toString()
}

function parseAddress(text: string): Address | undefined {
  // NOTE: ipaddr.js also takes 127.1 and 0x7f.1, which no proxy sends.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.process(text)
}

/** Loopback, and the addresses that stand for "any of mine": connecting to them stays on this machine. */
export function isThisMachine(address: string): boolean {
  const canonical = canonicalAddress(address) ?? ''
  return canonical.startsWith('127.') || ['0.0.0.0', '::', '::1'].includes(canonical)
}

/** Also takes what proxies write into X-Forwarded-For: `ip:port`, `[ipv6]`, `[ipv6]:port`. */
export function canonicalForwardedAddress(text: string): string | undefined {
  const plain = canonicalAddress(text)
  if (plain !== undefined) return plain
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)
  if (bracketed !== null) return canonicalAddress(bracketed[1] ?? '')
  const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(text)
  return withPort === null ? undefined : canonicalAddress(withPort[1] ?? '')
}

/** Parses `address` or `address/bits`; host bits are masked and reported. */
export function parseNetwork(text: string): { network: Network; masked: boolean } | undefined {
  const slash = text.indexOf('/')
  const bare = slash === -1 ? text : text.slice(0, slash)
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !ipaddr.IPv6.isValid(bare)) return undefined
  const raw = ipaddr.parse(bare)
  const width = raw.kind() === 'ipv4' ? 32 : 128
  const bitsText = slash === -1 ? String(width) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(bitsText) || Number(bitsText) > width) return undefined
  const masked = maskAddress(raw, Number(bitsText))
  let network: Network = { address: masked, prefixBits: Number(bitsText) }
  if (masked instanceof ipaddr.IPv6 && masked.isIPv4MappedAddress() && network.prefixBits >= 96) {
    network = { address: masked.toIPv4Address(), prefixBits: network.prefixBits - 96 }
  }
  return { network, masked: masked.toString() !== raw.toString() }
}

export function formatNetwork(network: Network): string {
  return `${network.address.toString()}/${network.prefixBits}`
}

/** Expects a canonical address text; false for anything else. */
export function isInNetworks(address: string, networks: readonly Network[]): boolean {
  if (networks.length === 0) return false
  const parsed = parseAddress(address)
  if (parsed === undefined) return false
  return networks.some((each) => {
    if (parsed instanceof ipaddr.IPv4) {
      return each.address instanceof ipaddr.IPv4 && parsed.match(each.address, each.prefixBits)
    }
    return each.address instanceof ipaddr.IPv6 && parsed.match(each.address, each.prefixBits)
  })
}

/** The network text that stands for an address where a whole IPv6 prefix is one client; IPv4 stays itself. */
export function addressGroup(address: string, ipv6PrefixBits: number): string {
  if (ipv6PrefixBits >= 128 || !address.includes(':')) return address
  const parsed = parseAddress(address)
  if (!(parsed instanceof ipaddr.IPv6)) return address
  return `${maskAddress(parsed, ipv6PrefixBits).toString()}/${ipv6PrefixBits}`
}

function maskAddress(address: Address, prefixBits: number): Address {
  const bytes = address.toByteArray()
  for (const [index, byte] of bytes.entries()) {
    const keep = Math.min(8, Math.max(0, prefixBits - index * 8))
    bytes[index] = byte & (0xff << (8 - keep)) & 0xff
  }
  return ipaddr.fromByteArray(bytes)
}

/** Parses `host:port`, `[ipv6]:port` or `:port` (all interfaces); undefined where it is none of them. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(\[[^\]]+\]|[^:\s]*):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const port = Number(match[2])
  if (port > 65_535) return undefined
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '')
  return { host: host === '' || host === '*' ? '0.0.0.0' : host, port }
}

export function formatHostPort(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
