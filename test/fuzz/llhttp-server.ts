/**
 * The second opinion on requests: Node's own HTTP/1.1 server (llhttp, strict), fed through an in-memory
 * socket. It answers nothing; it only tells what its parser made of a connection's bytes.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setImmediate as afterIo } from 'node:timers/promises'
import type { Seen, SeenMessage } from './codec-driver.ts'
import { flatFields, PushedSocket } from './pushed-socket.ts'

interface Recorded {
  readonly message: IncomingMessage
  readonly keepAlive: boolean
  body: string
}

interface Connection {
  readonly socket: PushedSocket
  readonly recorded: Recorded[]
  error: string | undefined
}

export class LlhttpServer {
  readonly #server: Server
  readonly #connections = new Map<Duplex, Connection>()

  constructor() {
    const record = (message: IncomingMessage, response: ServerResponse): void => {
      this.#connections.get(message.socket)?.recorded.push(watch(message, response.shouldKeepAlive))
    }
    // A missing Host is a rule of the server, not of the parser: ours refuses it, this one need not.
    this.#server = createServer({ insecureHTTPParser: false, requireHostHeader: false })
    this.#server.on('request', record).on('checkContinue', record).on('checkExpectation', record)
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const connection = this.#connections.get(socket)
      if (connection !== undefined) connection.error ??= error.code ?? error.message
    })
  }

  /** What is seen on a new connection; any number of them may be read at a time. */
  async seenInStream(stream: Buffer): Promise<Seen> {
    const connection: Connection = { socket: new PushedSocket(), recorded: [], error: undefined }
    const { socket } = connection
    this.#connections.set(socket, connection)
    this.#server.emit('connection', socket)
    socket.push(Buffer.from(swapUpgrade(stream.toString('latin1'), 'd', 'b'), 'latin1'))
    // Message bodies are delivered by the event loop.
    await afterIo()
    await afterIo()
    const { error } = connection
    const recorded = connection.recorded.map((each) => describeRequest(each))
    const complete = connection.recorded.map((each) => each.message.complete)
    socket.push(null)
    await afterIo()
    // What is refused only because the stream ended was unfinished before.
    const unfinished = connection.error !== error
    socket.destroy()
    this.#connections.delete(socket)
    const messages = recorded.filter((_each, index) => complete[index])
    const open = recorded.find((_each, index) => !complete[index]) ?? null
    return conclude(messages, open, error, unfinished)
  }
}

/**
 * NOTE: after a request with Upgrade that no listener takes, Node 24 drops the rest of the piece it came in and
 * hides parse errors. Framing does not depend on Upgrade, so the server gets to read a word that means nothing.
 */
function swapUpgrade(text: string, from: 'd' | 'b', to: 'd' | 'b'): string {
  return text.replace(new RegExp(`(?<=upgra)${from}(?=e)`, 'gi'), (letter) =>
    letter === from ? to : to.toUpperCase(),
  )
}

function reveal(text: string): string {
  return swapUpgrade(text, 'b', 'd')
}

function watch(message: IncomingMessage, keepAlive: boolean): Recorded {
  const recorded: Recorded = { message, keepAlive, body: '' }
  message.on('data', (chunk: Buffer) => {
    recorded.body += chunk.toString('latin1')
  })
  // Destroyed requests say so; their end is judged by `complete`.
  message.on('error', () => undefined)
  return recorded
}

function describeRequest(recorded: Recorded): SeenMessage {
  const { message, keepAlive, body } = recorded
  return {
    start: reveal(`${message.method} ${message.url}`),
    minorVersion: message.httpVersionMinor,
    fields: flatFields(message.rawHeaders).map((text) => reveal(text)),
    keepAlive,
    body: reveal(body),
    trailers: flatFields(message.rawTrailers).map((text) => reveal(text)),
  }
}

function conclude(
  messages: readonly SeenMessage[],
  open: SeenMessage | null,
  error: string | undefined,
  unfinished: boolean,
): Seen {
  if (error === 'HPE_CLOSED_CONNECTION') return { messages, open: null, ending: 'closed', reason: error }
  if (error !== undefined) return { messages, open, ending: 'rejected', reason: error }
  if (open === null && messages.at(-1)?.keepAlive === false) {
    return { messages, open, ending: 'closed', reason: '' }
  }
  return { messages, open, ending: open !== null || unfinished ? 'partial' : 'idle', reason: '' }
}
