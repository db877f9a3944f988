/**
 * Everything the codec accepts and llhttp refuses, each with the reason. A stream that needs one is rewritten
 * without it; the claim holds only if llhttp then reads the same messages, so none of these touches framing.
 */
import { METHODS } from 'node:http'
import type { SeenByCodec } from './codec-driver.ts'

export interface Tolerance {
  readonly name: string
  readonly why: string
  /** The head without what llhttp refuses; the same text where there is nothing of it. */
  neutral(head: string): string
}

const knownMethods = new Set(METHODS)

export const tolerances: readonly Tolerance[] = [
  {
    name: 'a method llhttp does not know',
    why: 'Any token is a method (RFC 9110 section 9.1) and an ExApp may define its own; only CONNECT and HEAD mean anything to framing.',
    neutral: (head) =>
      head.replace(/^((?:\r\n)?)([^ \r\n]+)(?= [^ \r\n]+ HTTP\/1\.)/, (whole, lead: string, method: string) =>
        knownMethods.has(method) ? whole : `${lead}POST`,
      ),
  },
  {
    name: 'a target with bytes above 0x7F',
    why: 'Contract row 18: raw UTF-8 in a path is served; the gateway percent-encodes it before it goes on.',
    neutral: (head) => head.replace(/[\x80-\xff](?=[^\r\n]* HTTP\/1\.[01]\r\n)/g, 'e'),
  },
  {
    name: 'close on an interim response',
    why: 'llhttp then refuses the final response. The final response has its own framing; the interim head says keepAlive: false.',
    neutral: (head) =>
      /^(?:\r\n)?HTTP\/1\.[01] 1/.test(head) ? head.replace(/(\r\nconnection:)[^\r\n]*/gi, '$1') : head,
  },
]

/** The stream with every tolerated oddity of the heads we saw made regular; and which ones there were. */
export function neutralised(stream: string, seen: SeenByCodec): { stream: string; names: string[] } {
  let neutral = stream
  const names = new Set<string>()
  const accepted = seen.messages.length + (seen.open === null ? 0 : 1)
  // From the last head to the first, so that the offsets stay true.
  for (const at of seen.headsAt.slice(0, accepted).toReversed()) {
    const end = neutral.indexOf('\r\n\r\n', neutral.startsWith('\r\n', at) ? at + 2 : at)
    if (end === -1) continue
    let head = neutral.slice(at, end + 2)
    for (const tolerance of tolerances) {
      const next = tolerance.neutral(head)
      if (next !== head) names.add(tolerance.name)
      head = next
    }
    neutral = neutral.slice(0, at) + head + neutral.slice(end + 2)
  }
  return { stream: neutral, names: [...names] }
}
