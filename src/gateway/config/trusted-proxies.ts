/**
 * HP_TRUSTED_PROXY_IPS as HaRP reads it: stray quotes are removed, host bits masked, and what is no network is
 * ignored. Never fatal; at most five warnings of each category.
 */
import { formatNetwork, parseNetwork, type Network } from '../../net/address.ts'
import type { SettingsReader } from './settings-reader.ts'

const name = 'HP_TRUSTED_PROXY_IPS'
const warningsPerCategory = 5

export function readTrustedProxies(reader: SettingsReader): readonly Network[] {
  const text = reader.exact(name)
  if (text === undefined) return []
  const networks: Network[] = []
  const wrong: string[] = []
  const masked: { readonly entry: string; readonly network: string }[] = []
  for (const part of text.split(',')) {
    const entry = stripQuotes(part)
    if (entry === '') continue
    const parsed = parseNetwork(withPrefixBits(entry))
    if (parsed === undefined) {
      wrong.push(entry)
      continue
    }
    networks.push(parsed.network)
    if (parsed.masked) masked.push({ entry, network: formatNetwork(parsed.network) })
  }
  for (const each of masked.slice(0, warningsPerCategory)) {
    reader.warn(
      name,
      `has host bits set in one entry: ${each.network} is trusted`,
      `write ${each.network}`,
      each.entry,
    )
  }
  for (const entry of wrong.slice(0, warningsPerCategory)) {
    reader.warn(
      name,
      'has an entry that is no IP address or network: it is ignored',
      'write 192.0.2.7 or 192.0.2.0/24',
      entry,
    )
  }
  if (networks.length === 0) {
    reader.warn(
      name,
      'has no usable entry: client addresses are not taken from headers',
      "write your reverse proxies' addresses or networks, separated by commas",
    )
  }
  if (networks.some((network) => network.prefixBits === 0)) {
    reader.warn(
      name,
      'trusts every address: anyone can pose as any client and evade or cause bans',
      "write only your reverse proxies' addresses",
    )
  }
  return networks
}

function stripQuotes(text: string): string {
  return text
    .trim()
    .replace(/^['"\u201c\u201d\u2018\u2019]+|['"\u201c\u201d\u2018\u2019]+$/g, '')
    .trim()
}

/** `/255.255.255.0`, and its inverse, are also ways to write an IPv4 network's size. */
function withPrefixBits(entry: string): string {
  const match = /^([^/]+)\/(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(entry)
  if (match === null) return entry
  const octets = match.slice(2).map(Number)
  if (octets.some((octet) => octet > 255)) return entry
  const bits = octets.map((octet) => octet.toString(2).padStart(8, '0')).join('')
  const shape = /^(1*)0*$/.exec(bits) ?? /^(0*)1+$/.exec(bits)
  return shape === null ? entry : `${match[1]}/${shape[1]?.length ?? 32}`
}
