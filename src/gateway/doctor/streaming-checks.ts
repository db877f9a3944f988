/** Whether the reverse proxy passes bodies on as they come, seen by timing. */
import { streamLines, streamPauseMs } from '../control/diagnostics.ts'
import { z } from 'zod'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import { fail, ok, warn, type Check } from './check.ts'
import { controlUrl, keyField, type GatewayAccess } from './echo.ts'
import { probe } from './http-probe.ts'
import { proxyFixes } from './proxy-fixes.ts'

const uploadPauseMs = 700
/** More than proxies read before they call on (Apache: 16 KiB). */
const uploadFirstBytes = 65_536
/** More than nginx takes by default. */
const uploadRestBytes = 1_572_864

type Streaming = 'as-sent' | 'held-back' | 'broken'

/** The gateway sends three lines with pauses: do the last two arrive apart? */
export async function checkStream(access: GatewayAccess): Promise<Check> {
  const name = 'streaming'
  const [events, known] = await Promise.all([
    streamThrough(access, '/doctor/stream'),
    streamThrough(access, '/doctor/stream/length'),
  ])
  if (events === 'broken' || known === 'broken') {
    return fail(name, 'an answer in several parts does not arrive whole', proxyFixes.buffering)
  }
  if (events === 'held-back') {
    return fail(
      name,
      'the reverse proxy collects answers: events and progress reach browsers late or at the end',
      proxyFixes.buffering,
    )
  }
  if (known === 'held-back') {
    return warn(
      name,
      'the reverse proxy collects answers whose length is known; events pass',
      proxyFixes.buffering,
    )
  }
  return ok(name, 'answers arrive as the app sends them')
}

async function streamThrough(access: GatewayAccess, path: string): Promise<Streaming> {
  const result = await probe({
    url: controlUrl(access.base, path),
    headers: { ...keyField(access), 'accept-encoding': 'identity' },
    timeoutMs: access.timeoutMs + streamPauseMs * streamLines.length,
    clock: access.clock,
  })
  const whole = streamLines.join('')
  if (result.kind !== 'response' || result.status !== 200 || result.body !== whole) return 'broken'
  const beforeLast = whole.length - (streamLines.at(-1)?.length ?? 0)
  const secondLast = result.pieces.find((piece) => piece.bytes >= beforeLast)?.at ?? 0
  const last = result.pieces.at(-1)?.at ?? 0
  return last - secondLast < streamPauseMs / 2 ? 'held-back' : 'as-sent'
}

const uploadAnswer = z.object({ bytes: z.number(), tookMs: z.number() })

/** The same the other way; late uploads work, so that is only a warning. */
export async function checkUpload(access: GatewayAccess): Promise<Check> {
  const name = 'uploads'
  const result = await probe({
    url: controlUrl(access.base, '/doctor/upload'),
    method: 'POST',
    headers: { ...keyField(access), 'content-type': 'application/octet-stream' },
    body: {
      parts: [Buffer.alloc(uploadFirstBytes, 'a'), Buffer.alloc(uploadRestBytes, 'b')],
      pauseMs: uploadPauseMs,
    },
    timeoutMs: access.timeoutMs + uploadPauseMs,
    clock: access.clock,
  })
  const size = `${(uploadFirstBytes + uploadRestBytes) / 1_048_576} MiB`.replace(/(\.\d).*?( MiB)/, '$1$2')
  if (result.kind === 'response' && result.status === 413) {
    return fail(name, `the reverse proxy refuses an upload of ${size} as too large`, proxyFixes.uploadSize)
  }
  const answer = uploadAnswer.safeParse(result.kind === 'response' ? parseJson(result.body) : undefined)
  if (!answer.success || answer.data.bytes !== uploadFirstBytes + uploadRestBytes) {
    const how = result.kind === 'response' ? `is answered with ${result.status}` : result.kind
    return fail(name, `an upload of ${size} ${how}`, proxyFixes.uploadSize)
  }
  if (answer.data.tookMs < uploadPauseMs / 2) {
    return warn(
      name,
      'the reverse proxy collects uploads on its disk before the app gets the first byte',
      proxyFixes.uploadBuffering,
    )
  }
  return ok(name, 'uploads reach the app while they are sent')
}
