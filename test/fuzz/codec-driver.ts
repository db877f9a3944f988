/**
 * Drives the codec over one connection's bytes the way the gateway does (head, body, next head; stop where
 * the connection must close) and tells what it made of them, in the same words as the llhttp oracle.
 */
import { ChunkedDecoder } from '../../src/codec/http1/chunked-decoder.ts'
import { Http1Error } from '../../src/codec/http1/errors.ts'
import { HeadCollector } from '../../src/codec/http1/head-collector.ts'
import { defaultHttp1Limits, type Http1Limits } from '../../src/codec/http1/limits.ts'
import { parseRequestHead, type RequestHead } from '../../src/codec/http1/request-head.ts'
import { parseResponseHead, type ResponseHead } from '../../src/codec/http1/response-head.ts'

export interface SeenMessage {
  /** `POST /path` or `200`. */
  readonly start: string
  readonly minorVersion: number
  /** Lower-case names and values, flat. */
  readonly fields: readonly string[]
  /** null where the parser does not tell. */
  readonly keepAlive: boolean | null
  /** Latin-1 text of the bytes so far. */
  readonly body: string
  readonly trailers: readonly string[]
}

export interface Seen {
  /** Complete messages, in order. */
  readonly messages: readonly SeenMessage[]
  /** The message whose body had begun when the bytes ran out. */
  readonly open: SeenMessage | null
  /**
   * `idle`: nothing pending; `partial`: inside a message; `until-close`: inside a body that only the end of
   * the connection ends; `closed`: nothing after the last message counts; `rejected`: `reason` says why.
   */
  readonly ending: 'idle' | 'partial' | 'until-close' | 'closed' | 'rejected'
  readonly reason: string
}

export interface SeenByCodec extends Seen {
  /** Where each head began, an ignored empty line included. */
  readonly headsAt: readonly number[]
}

type Framing = RequestHead['framing'] | ResponseHead['framing']

interface OpenMessage {
  readonly head: Omit<SeenMessage, 'body' | 'trailers'>
  readonly framing: Framing
  readonly decoder: ChunkedDecoder | null
  body: string
  left: number
}

/** What the gateway would see in `pieces` from a client. Anything thrown but Http1Error is thrown on. */
export function seenInRequests(
  pieces: readonly Buffer[],
  limits: Http1Limits = defaultHttp1Limits,
): SeenByCodec {
  return new Reading(limits, (text) => {
    const head = parseRequestHead(text, limits)
    return {
      head: {
        start: `${head.method} ${head.target}`,
        minorVersion: head.minorVersion,
        fields: head.fields,
        keepAlive: head.keepAlive,
      },
      framing: head.framing,
      interim: false,
    }
  }).read(pieces)
}

/** What the gateway would see in `pieces` from an upstream that was asked `method`; stops after one final response. */
export function seenInResponse(
  pieces: readonly Buffer[],
  method: string,
  limits: Http1Limits = defaultHttp1Limits,
): SeenByCodec {
  return new Reading(
    limits,
    (text) => {
      const head = parseResponseHead(text, method, limits)
      return {
        head: {
          start: String(head.status),
          minorVersion: head.minorVersion,
          fields: head.fields,
          keepAlive: head.keepAlive,
        },
        framing: head.framing,
        interim: head.status < 200 && head.status !== 101,
      }
    },
    true,
  ).read(pieces)
}

interface ParsedHead {
  readonly head: OpenMessage['head']
  readonly framing: Framing
  readonly interim: boolean
}

class Reading {
  readonly #limits: Http1Limits
  readonly #parse: (text: string) => ParsedHead
  readonly #oneFinal: boolean
  readonly #collector: HeadCollector
  readonly #messages: SeenMessage[] = []
  readonly #headsAt: number[] = []
  #open: OpenMessage | null = null
  #stopped = false

  constructor(limits: Http1Limits, parse: (text: string) => ParsedHead, oneFinal = false) {
    this.#limits = limits
    this.#parse = parse
    this.#oneFinal = oneFinal
    this.#collector = new HeadCollector(limits)
  }

  read(pieces: readonly Buffer[]): SeenByCodec {
    const found = { messages: this.#messages, headsAt: this.#headsAt }
    try {
      let before = 0
      let betweenMessages = true
      for (const piece of pieces) {
        for (let at = 0; at < piece.length && !this.#stopped;) {
          if (betweenMessages) this.#headsAt.push(before + at)
          const messages = this.#messages.length
          at = this.#advance(piece, at)
          betweenMessages = this.#messages.length > messages
        }
        before += piece.length
      }
    } catch (error) {
      if (!(error instanceof Http1Error)) throw error
      return { ...found, open: null, ending: 'rejected', reason: error.code }
    }
    const open = this.#open === null ? null : closed(this.#open)
    return { ...found, open, ending: this.#ending(), reason: '' }
  }

  #ending(): Seen['ending'] {
    if (this.#stopped) return 'closed'
    if (this.#open?.framing.kind === 'close') return 'until-close'
    const isPartial = this.#open !== null || this.#collector.isPartial || this.#oneFinal
    return isPartial ? 'partial' : 'idle'
  }

  #advance(piece: Buffer, at: number): number {
    return this.#open === null ? this.#advanceHead(piece, at) : this.#advanceBody(this.#open, piece, at)
  }

  #advanceHead(piece: Buffer, at: number): number {
    const end = this.#collector.feed(piece, at)
    if (end === -1) return piece.length
    const { head, framing, interim } = this.#parse(this.#collector.take())
    const open: OpenMessage = {
      head,
      framing,
      decoder: framing.kind === 'chunked' ? new ChunkedDecoder(this.#limits) : null,
      body: '',
      left: framing.kind === 'length' ? framing.bytes : 0,
    }
    this.#open = open
    if (framing.kind === 'none' || (framing.kind === 'length' && framing.bytes === 0)) {
      this.#finish(open, interim)
    }
    return end
  }

  #advanceBody(open: OpenMessage, piece: Buffer, at: number): number {
    if (open.decoder !== null) {
      const end = open.decoder.feed(piece, at, (from, to) => {
        open.body += piece.toString('latin1', from, to)
      })
      if (open.decoder.isDone) this.#finish(open, false)
      return end
    }
    const to = open.framing.kind === 'close' ? piece.length : Math.min(piece.length, at + open.left)
    open.body += piece.toString('latin1', at, to)
    open.left -= to - at
    if (open.framing.kind === 'length' && open.left === 0) this.#finish(open, false)
    return to
  }

  #finish(open: OpenMessage, interim: boolean): void {
    this.#messages.push(closed(open))
    this.#open = null
    this.#stopped = this.#oneFinal ? !interim : !open.head.keepAlive
  }
}

function closed(open: OpenMessage): SeenMessage {
  return { ...open.head, body: open.body, trailers: open.decoder?.trailers ?? [] }
}
