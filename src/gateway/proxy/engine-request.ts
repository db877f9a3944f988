import type { RequestHead } from '../../codec/http1/request-head.ts'

/**
 * All that a Docker engine needs of a request; what proves things to Nextcloud or the gateway is none of its business (W6).
 * NOTE: without a content type the engine takes no parameters from a body, where nobody has checked them.
 */
const passedFields: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'user-agent',
  'x-registry-auth',
  'x-registry-config',
])

/** The head that an engine gets for an allowed call. `path` is anchored and canonical already. */
export function engineRequestHead(head: RequestHead, path: string, query: string): string {
  const { fields, framing } = head
  let text = `${head.method} ${path}${query} HTTP/1.1\r\nhost: docker\r\n`
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (passedFields.has(name)) text += `${name}: ${fields[index + 1] ?? ''}\r\n`
  }
  if (framing.kind === 'chunked') text += 'transfer-encoding: chunked\r\n'
  else if (framing.kind === 'length') text += `content-length: ${framing.bytes}\r\n`
  return `${text}\r\n`
}
