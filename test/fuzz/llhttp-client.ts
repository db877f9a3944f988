/**
 * The second opinion on responses: Node's own HTTP/1.1 client (llhttp, strict), fed through an in-memory
 * socket. One request, its interim responses and its final one.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setImmediate as afterIo } from 'node:timers/promises'
import type { Seen, SeenMessage } from './codec-driver.ts'
import { flatFields, PushedSocket } from './pushed-socket.ts'

interface Observed {
  readonly interim: SeenMessage[]
  response: IncomingMessage | undefined
  body: string
  error: string | undefined
  /** A 101 ended HTTP on this connection. */
  switched: boolean
}

export async function seenByLlhttpClient(stream: Buffer, method: string): Promise<Seen> {
  const socket = new PushedSocket()
  const observed: Observed = { interim: [], response: undefined, body: '', error: undefined, switched: false }
  const asked = request({ method, createConnection: () => socket, insecureHTTPParser: false })
  observe(asked, observed)
  asked.end()
  await afterIo()
  socket.push(stream)
  // The body is delivered by the event loop.
  await afterIo()
  await afterIo()
  const { error } = observed
  const before = observed.response?.complete ?? false
  const messages = [...observed.interim]
  const final = observed.response === undefined ? null : describeResponse(observed.response, observed.body)
  if (!socket.destroyed) socket.push(null)
  await afterIo()
  const after = observed.response?.complete ?? false
  socket.destroy()
  if (final !== null && (before || observed.switched)) {
    return { messages: [...messages, final], open: null, ending: 'closed', reason: '' }
  }
  if (error !== undefined) return { messages, open: final, ending: 'rejected', reason: error }
  if (final === null) return { messages, open: null, ending: 'partial', reason: '' }
  return { messages, open: final, ending: after ? 'until-close' : 'partial', reason: '' }
}

function observe(asked: ClientRequest, observed: Observed): void {
  asked.on('information', (info) => {
    observed.interim.push({
      start: String(info.statusCode),
      minorVersion: info.httpVersionMinor,
      fields: flatFields(info.rawHeaders),
      keepAlive: null,
      body: '',
      trailers: [],
    })
  })
  asked.on('response', (response) => {
    observed.response = response
    response.on('error', () => undefined)
    response.on('data', (chunk: Buffer) => {
      observed.body += chunk.toString('latin1')
    })
  })
  asked.on('upgrade', (response) => {
    observed.response = response
    observed.switched = true
  })
  asked.on('error', (error: NodeJS.ErrnoException) => {
    observed.error ??= error.code ?? error.message
  })
}

function describeResponse(response: IncomingMessage, body: string): SeenMessage {
  return {
    start: String(response.statusCode),
    minorVersion: response.httpVersionMinor,
    fields: flatFields(response.rawHeaders),
    keepAlive: null,
    body,
    trailers: flatFields(response.rawTrailers),
  }
}
