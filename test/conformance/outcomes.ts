/** What a row may demand of an outcome. Each function throws with what came instead. */
import assert from 'node:assert/strict'
import { type HeaderLine, headerValue, headerValues } from '../support/http1-wire.ts'
import type { RawOutcome, RawResponse } from '../support/raw-http.ts'

/** What the stand-in ExApp says it received. */
export interface Echo {
  readonly requestLine: string
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
  readonly trailers: readonly HeaderLine[]
  readonly bodyBytes: number
  readonly bodySha256: string
  readonly body: string
}

export function expectStatus(outcome: RawOutcome, status: number): RawResponse {
  assert.equal(describe(outcome), describeStatus(outcome, status))
  assert.ok(outcome.kind === 'response')
  return outcome.response
}

/** Closed without one byte. */
export function expectDrop(outcome: RawOutcome): void {
  assert.equal(describe(outcome), 'drop')
}

/** One of the gateway's own text answers, exactly. */
export function expectText(outcome: RawOutcome, status: number, body: string): RawResponse {
  const response = expectStatus(outcome, status)
  assert.equal(response.body.toString(), body)
  assert.match(headerValue(response.headers, 'content-type') ?? '', /^text\/plain\b/)
  return response
}

/** One of the stock HTML pages, which never say `(HaRP)`. */
export function expectStockPage(outcome: RawOutcome, status: number, title: string): RawResponse {
  const response = expectStatus(outcome, status)
  const body = response.body.toString()
  assert.ok(
    body.toLowerCase().includes(`<h1>${status} ${title}</h1>`.toLowerCase()),
    `no stock page: ${body.slice(0, 200)}`,
  )
  assert.ok(!body.includes('(HaRP)'), `the text page instead of the stock page: ${body.slice(0, 200)}`)
  assert.match(headerValue(response.headers, 'content-type') ?? '', /^text\/html\b/)
  return response
}

/** 200 from the stand-in ExApp, and what it received. */
export function expectEcho(outcome: RawOutcome, status: number = 200): Echo {
  const response = expectStatus(outcome, status)
  const text = response.body.toString()
  try {
    return JSON.parse(text) as Echo
  } catch (error) {
    throw new Error(`not from the ExApp: ${text.slice(0, 200)}`, { cause: error })
  }
}

/** Exactly one line of this name with this value. */
export function expectHeader(headers: readonly HeaderLine[], name: string, value: string): void {
  assert.deepEqual(headerValues(headers, name), [value], `header ${name}`)
}

export function expectNoHeader(headers: readonly HeaderLine[], name: string): void {
  assert.deepEqual(headerValues(headers, name), [], `header ${name}`)
}

/** JSON of a response, for its shape. */
export function jsonOf(response: RawResponse): Record<string, unknown> {
  const parsed: unknown = JSON.parse(response.body.toString())
  assert.ok(typeof parsed === 'object' && parsed !== null, 'a JSON object')
  return parsed as Record<string, unknown>
}

function describe(outcome: RawOutcome): string {
  switch (outcome.kind) {
    case 'drop':
      return 'drop'
    case 'cut':
      return `cut: ${outcome.reason}`
    case 'response': {
      const { status, body } = outcome.response
      return `${status} ${JSON.stringify(body.subarray(0, 160).toString())}`
    }
  }
}

/** The description of the same outcome, had it the wanted status: so a difference shows the body too. */
function describeStatus(outcome: RawOutcome, status: number): string {
  if (outcome.kind !== 'response') return `a response with status ${status}`
  return describe({ kind: 'response', response: { ...outcome.response, status } })
}
