/** Asks the gateway how a request arrived: directly, or through the reverse proxy. */
import { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import { directMarker } from '../control/diagnostics.ts'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import { probe, type ProbeResult } from './http-probe.ts'

const echoAnswer = z.object({
  gateway: z.literal('Harp'),
  version: z.string(),
  instance: z.string(),
  target: z.string(),
  peer: z.string(),
  isPeerTrusted: z.boolean(),
  client: z.string(),
  isBanned: z.boolean(),
  /** No proxy has touched the request's hop-by-hop fields. */
  isUnchanged: z.boolean(),
  /** By lower-case name: host, forwarded, via, x-real-ip and all x-forwarded fields. */
  forwarded: z.record(z.string(), z.string()),
})

export type Echo = z.infer<typeof echoAnswer>

export interface EchoReply {
  readonly result: ProbeResult
  /** null: what answered is not the echo of this gateway. */
  readonly echo: Echo | null
}

export interface GatewayAccess {
  /** What is before /exapps/. */
  readonly base: URL
  readonly sharedKey: Secret
  readonly clock: Clock
  readonly timeoutMs: number
}

/** An address that nobody has (RFC 5737), claimed to see whether a claim gets through. */
export const claimedAddress = '192.0.2.66'

/** `rest` is appended to the path of the echo, escapes and all. */
export async function askEcho(access: GatewayAccess, rest = ''): Promise<EchoReply> {
  const result = await probe({
    url: controlUrl(access.base, `/doctor/echo${rest}`),
    headers: {
      ...keyField(access),
      connection: `close, ${directMarker}`,
      'x-forwarded-for': claimedAddress,
    },
    timeoutMs: access.timeoutMs,
    clock: access.clock,
  })
  if (result.kind !== 'response' || result.status !== 200) return { result, echo: null }
  const parsed = echoAnswer.safeParse(parseJson(result.body))
  return { result, echo: parsed.success ? parsed.data : null }
}

export function controlUrl(base: URL, path: string): URL {
  return new URL(`${base.href.replace(/\/$/, '')}/exapps/app_api${path}`)
}

export function keyField(access: GatewayAccess): Record<string, string> {
  return { 'harp-shared-key': access.sharedKey.reveal() }
}
