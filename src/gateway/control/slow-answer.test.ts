import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { FrontStream } from '../proxy/front-stream.ts'
import { json, text } from './control-api.ts'
import { SlowAnswer } from './slow-answer.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A front that writes down what it is told; `raw` as HTTP/1.1, where the chunks are the caller's. */
function setup(mode: 'raw' | 'data' = 'data') {
  const sent: string[] = []
  const front: Partial<FrontStream> = {
    respond: (response) => void sent.push(`respond ${response.status}`),
    sendHead: (head) => {
      sent.push(`head ${head.status} ${head.fields.join(': ')}`)
      return mode
    },
    sendBody: (bytes) => void sent.push(bytes.toString()),
    flush: () => true,
    finish: () => void sent.push('finish'),
    abort: () => void sent.push('abort'),
  }
  return { sent, answer: new SlowAnswer(front as FrontStream) }
}

const head = 'head 200 content-type: application/json; charset=utf-8'

test('an answer within twenty seconds is an ordinary one', () => {
  const { sent, answer } = setup()

  answer.keepOpen()
  vi.advanceTimersByTime(19_000)
  answer.respond(text(503, 'no'))
  vi.advanceTimersByTime(60_000)

  expect(sent).toEqual(['respond 503'])
})

test('a later one is preceded by a blank every twenty seconds, which is JSON all the same', () => {
  const { sent, answer } = setup()

  answer.keepOpen()
  vi.advanceTimersByTime(65_000)
  answer.respond(json(200, { started: true }))

  expect(sent).toEqual([head, ' ', ' ', ' ', '{"started":true}', 'finish'])
  expect(JSON.parse(sent.slice(1, -1).join(''))).toEqual({ started: true })
})

test('over HTTP/1.1 the chunks are framed', () => {
  const { sent, answer } = setup('raw')

  answer.keepOpen()
  vi.advanceTimersByTime(20_000)
  answer.respond(json(200, { started: true }))

  expect(sent).toEqual([head, '1\r\n \r\n', '10\r\n{"started":true}\r\n', '0\r\n', 'finish'])
})

test('an answer that is no 200 after all cuts the connection instead of lying', () => {
  const { sent, answer } = setup()

  answer.keepOpen()
  vi.advanceTimersByTime(20_000)
  answer.respond(text(503, 'no'))

  expect(sent).toEqual([head, ' ', 'abort'])
})

test('nothing is sent after the client went away', () => {
  const { sent, answer } = setup()

  answer.keepOpen()
  answer.stop()
  vi.advanceTimersByTime(60_000)

  expect(sent).toEqual([])
})
