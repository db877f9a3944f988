/** The hellos that start a control connection in wire v2: JSON in frames of their own. */
import { frpError } from './errors.ts'
import { asObject, parseJsonObject } from './json-object.ts'

/** The only cipher we choose. NOTE: Node has no xchacha20-poly1305, which frp names as its second. */
export const aeadAlgorithm = 'aes-256-gcm'
export const helloRandomBytes = 32

/** What the client says about the layers below; the server makes nothing of it. */
export interface Bootstrap {
  readonly tls: boolean
  readonly tcpMux: boolean
}

export interface ClientHello {
  readonly bootstrap: Bootstrap
  readonly algorithms: readonly string[]
  readonly random: Buffer
}

/** A non-empty `error` is a refusal; the other fields say nothing then. */
export interface ServerHello {
  readonly algorithm: string
  readonly random: Buffer
  readonly error: string
}

export function encodeClientHello(hello: ClientHello): Buffer {
  const { tls, tcpMux } = hello.bootstrap
  return Buffer.from(
    JSON.stringify({
      bootstrap: { transport: 'tcp', ...(tls && { tls }), ...(tcpMux && { tcpMux }) },
      capabilities: {
        message: { codecs: ['json'] },
        crypto: { algorithms: hello.algorithms, clientRandom: hello.random.toString('base64') },
      },
    }),
  )
}

export function decodeClientHello(payload: Buffer): ClientHello {
  const json = parseJsonObject(payload)
  const capabilities = asObject(json?.['capabilities'])
  const codecs = asObject(capabilities?.['message'])?.['codecs']
  const crypto = asObject(capabilities?.['crypto'])
  const algorithms = crypto?.['algorithms']
  if (!isTexts(codecs) || !codecs.includes('json')) {
    throw frpError('FRP_WIRE_V2_INVALID', 'ClientHello: message.codecs does not list json')
  }
  if (!isTexts(algorithms)) {
    throw frpError('FRP_WIRE_V2_INVALID', 'ClientHello: crypto.algorithms is no list of texts')
  }
  const random = readRandom(crypto?.['clientRandom'])
  if (random === null) throw frpError('FRP_WIRE_V2_INVALID', 'ClientHello: clientRandom is not 32 bytes')
  const bootstrap = asObject(json?.['bootstrap'])
  return {
    bootstrap: { tls: bootstrap?.['tls'] === true, tcpMux: bootstrap?.['tcpMux'] === true },
    algorithms,
    random,
  }
}

export function encodeServerHello(hello: ServerHello): Buffer {
  const message = { codec: 'json' }
  const { algorithm, error } = hello
  const json =
    error === ''
      ? { selected: { message, crypto: { algorithm, serverRandom: hello.random.toString('base64') } } }
      : { selected: { message }, error }
  return Buffer.from(JSON.stringify(json))
}

export function decodeServerHello(payload: Buffer): ServerHello {
  const json = parseJsonObject(payload)
  const error = json?.['error'] ?? ''
  if (json === null || typeof error !== 'string') {
    throw frpError('FRP_WIRE_V2_INVALID', 'ServerHello: no JSON object, or error is no text')
  }
  if (error !== '') return { algorithm: '', random: Buffer.alloc(0), error }
  const crypto = asObject(asObject(json['selected'])?.['crypto'])
  const algorithm = crypto?.['algorithm']
  const random = readRandom(crypto?.['serverRandom'])
  if (typeof algorithm !== 'string' || random === null) {
    throw frpError(
      'FRP_WIRE_V2_INVALID',
      'ServerHello: crypto has no algorithm, or serverRandom is not 32 bytes',
    )
  }
  return { algorithm, random, error }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function readRandom(value: unknown): Buffer | null {
  if (typeof value !== 'string') return null
  const random = Buffer.from(value, 'base64')
  return random.length === helloRandomBytes ? random : null
}
