/** The snippets of docs/reverse-proxy.md, taken from the page itself, so that what is tried is what is read. */
import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('../../docs/reverse-proxy.md', import.meta.url), 'utf8')

export type SnippetName = 'trusted' | 'nginx-http' | 'nginx-server' | 'caddy' | 'apache'

/** The fenced block after `<!-- snippet: name -->`. */
export function snippet(name: SnippetName): string {
  const marker = `<!-- snippet: ${name} -->`
  const parts = page.split(marker)
  if (parts.length !== 2) throw new Error(`docs/reverse-proxy.md has ${parts.length - 1} times ${marker}`)
  const fence = /^\s*```[a-z]+\n([\s\S]*?)\n```\n/.exec(parts[1] ?? '')
  if (fence === null) throw new Error(`no fenced block follows ${marker}`)
  return fence[1] ?? ''
}

/** The snippet with the gateway's documented address replaced by the one of a test. */
export function snippetFor(name: SnippetName, gatewayPort: number): string {
  const documented = '127.0.0.1:8780'
  const text = snippet(name)
  if (name !== 'nginx-server' && !text.includes(documented)) throw new Error(`${name} has no ${documented}`)
  return text.replaceAll(documented, `127.0.0.1:${gatewayPort}`)
}

/** What the page tells to put into HP_TRUSTED_PROXY_IPS on one machine. */
export function documentedTrustedProxies(): string {
  const match = /^HP_TRUSTED_PROXY_IPS=(\S+)$/.exec(snippet('trusted'))
  if (match === null) throw new Error('the snippet "trusted" is not one HP_TRUSTED_PROXY_IPS line')
  return match[1] ?? ''
}
