/**
 * Judges two readings of the same bytes. Ours may refuse or end a connection where llhttp goes on; wherever
 * both see a message it must be the same message, byte for byte.
 */
import type { Seen, SeenByCodec, SeenMessage } from './codec-driver.ts'

export type Verdict =
  /** Both read the same messages and stand at the same place. */
  | { readonly kind: 'same' }
  /** Both refused, after the same messages. */
  | { readonly kind: 'refused' }
  /** Ours refused or closed where llhttp went on. */
  | { readonly kind: 'stricter' }
  /** llhttp refused bytes that ours is still collecting; ours has accepted nothing of them. */
  | { readonly kind: 'undecided' }
  /** Ours accepted what llhttp refused. */
  | { readonly kind: 'lenient'; readonly reason: string }
  /** Both accepted, and read something else: the one thing that must never be. */
  | { readonly kind: 'differs'; readonly what: string }

export function judge(stream: string, ours: SeenByCodec, theirs: Seen): Verdict {
  for (const [index, message] of ours.messages.entries()) {
    const other = theirs.messages[index]
    if (other === undefined) return beyond(theirs, `message ${index}`)
    const what = difference(message, asForwarded(other))
    if (what !== null) return { kind: 'differs', what: `${what} of message ${index}` }
    if (message.keepAlive === false && other.keepAlive === true) return { kind: 'stricter' }
  }
  if (ours.ending === 'rejected') return { kind: theirs.ending === 'rejected' ? 'refused' : 'stricter' }
  if (ours.ending === 'closed') return { kind: 'same' }
  if (theirs.messages.length > ours.messages.length) {
    return { kind: 'differs', what: 'llhttp saw another message' }
  }
  return judgeUnfinished(stream, ours, theirs)
}

function judgeUnfinished(stream: string, ours: SeenByCodec, theirs: Seen): Verdict {
  if (ours.open === null && theirs.ending === 'rejected') {
    return ours.ending === 'partial' ? { kind: 'undecided' } : beyond(theirs, 'the last bytes')
  }
  if (ours.open !== null) {
    if (theirs.open === null) return beyond(theirs, 'the head of an unfinished message')
    const other = asForwarded(theirs.open)
    const both = [ours.open.body, other.body]
    const isPrefix =
      both[0]?.startsWith(both[1] ?? '') === true || both[1]?.startsWith(both[0] ?? '') === true
    const sameBody = theirs.ending === 'rejected' ? isPrefix : both[0] === both[1]
    const what = sameBody ? difference({ ...ours.open, body: '' }, { ...other, body: '' }) : 'body'
    if (what !== null) return { kind: 'differs', what: `${what} of an unfinished message` }
    if (theirs.ending === 'rejected') return { kind: 'undecided' }
  }
  // llhttp skips any CR and LF before a request, the codec one empty line; neither has begun a message.
  const areOnlyLineEnds = ours.ending === 'partial' && /^[\r\n]*$/.test(stream.slice(ours.headsAt.at(-1)))
  if (ours.ending !== theirs.ending && !areOnlyLineEnds) {
    return { kind: 'differs', what: `ending (${ours.ending}, llhttp ${theirs.ending})` }
  }
  return { kind: 'same' }
}

function beyond(theirs: Seen, what: string): Verdict {
  return theirs.ending === 'rejected'
    ? { kind: 'lenient', reason: theirs.reason }
    : { kind: 'differs', what: `llhttp never saw ${what}` }
}

function difference(ours: SeenMessage, theirs: SeenMessage): string | null {
  if (ours.start !== theirs.start) return 'start line'
  if (ours.minorVersion !== theirs.minorVersion) return 'version'
  if (!sameList(ours.fields, theirs.fields)) return 'fields'
  if (ours.body !== theirs.body) return 'body'
  if (!sameList(ours.trailers, theirs.trailers)) return 'trailers'
  // Closing early loses nothing; going on where the other closes reads bytes that are nobody's.
  return ours.keepAlive === true && theirs.keepAlive === false ? 'keep-alive' : null
}

function sameList(ours: readonly string[], theirs: readonly string[]): boolean {
  return ours.length === theirs.length && ours.every((text, index) => text === theirs[index])
}

/** llhttp hands these on as they came; the codec gives them as RFC 9112 wants them forwarded. */
function asForwarded(message: SeenMessage): SeenMessage {
  const absolute = /^(\S+) https?:\/\/([^/?]+)(\/?)(.*)$/i.exec(message.start)
  if (absolute !== null) {
    const [, method = '', authority = '', , rest = ''] = absolute
    return {
      ...message,
      start: `${method} /${rest}`,
      fields: ['host', authority, ...withoutFields(message.fields, ['host'])],
    }
  }
  if (/^(?:1\d\d|204)$/.test(message.start)) {
    return { ...message, fields: withoutFields(message.fields, ['content-length', 'transfer-encoding']) }
  }
  return message
}

function withoutFields(fields: readonly string[], names: readonly string[]): string[] {
  return fields.filter((_text, index) => !names.includes(fields[index - (index % 2)] ?? ''))
}
