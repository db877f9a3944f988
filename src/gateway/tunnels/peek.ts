import type { Duplex } from 'node:stream'
import { gatewayError } from '../errors.ts'

/**
 * Reads from a fresh stream until `decide` knows what it carries, and puts everything back. Rejects with
 * TUNNEL_HANDSHAKE when the stream ends, or is silent for too long, before that.
 *
 * `decide` answers undefined while it needs more; it must know at the latest with `maxBytes`.
 */
export async function peek<T>(
  stream: Duplex,
  options: { readonly maxBytes: number; readonly timeoutMs: number },
  decide: (bytes: Buffer) => T | undefined,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let seen: Buffer = Buffer.alloc(0)
  const read = (): void => {
    for (;;) {
      const chunk: Buffer | null = stream.read() as Buffer | null
      if (chunk === null) return
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
      const known = decide(seen)
      if (known !== undefined) {
        resolve(known)
        return
      }
      if (seen.length >= options.maxBytes) {
        reject(gatewayError('TUNNEL_HANDSHAKE', 'the first bytes are of no protocol that is spoken here'))
        return
      }
    }
  }
  const onGone = (): void => reject(gatewayError('TUNNEL_HANDSHAKE', 'the connection ended before it began'))
  const timer = setTimeout(
    () => reject(gatewayError('TUNNEL_HANDSHAKE', `nothing usable within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  )
  stream.on('readable', read)
  stream.on('end', onGone)
  stream.on('close', onGone)
  try {
    read()
    return await promise
  } finally {
    clearTimeout(timer)
    stream.removeListener('readable', read)
    stream.removeListener('end', onGone)
    stream.removeListener('close', onGone)
    if (seen.length > 0 && !stream.readableEnded && !stream.destroyed) stream.unshift(seen)
  }
}
