/** One work connection of frpc: NewWorkConn, a wait for StartWorkConn, then bytes to and from the local target. */
import { connect } from 'node:net'
import { type Duplex, type Readable, Transform } from 'node:stream'
import { CfbOpener, CfbSealer } from './frpc-ciphers.ts'
import { encodeMessage, type FrpcMessage, magicV2, takeMessage } from './frpc-messages.ts'
import type { FrpcOptions, FrpcProxy, RandomPurpose } from './frpc-options.ts'

export interface WorkContext {
  readonly options: FrpcOptions
  readonly random: (bytes: number, purpose: RandomPurpose) => Buffer
  readonly log: (
    direction: 'sent' | 'received',
    message: FrpcMessage | { name: string; body: object },
  ) => void
  /** By the name on the wire. */
  readonly proxyOf: (name: string) => FrpcProxy | undefined
  /** StartWorkConn came: the connection is no longer pooled. */
  readonly onStart: (stream: Duplex) => void
}

/** Announces the stream as a work connection and serves the one user connection it will carry. */
export function serveWork(stream: Duplex, announcement: object, context: WorkContext): void {
  const { options } = context
  const wire = options.wire ?? 1
  context.log('sent', { name: 'NewWorkConn', body: announcement })
  if (wire === 2) stream.write(magicV2)
  for (const write of encodeMessage(wire, 'NewWorkConn', announcement)) stream.write(write)
  const tooEarly = options.misbehave?.bytesBeforeStart
  if (tooEarly !== undefined) stream.write(tooEarly)
  let seen = Buffer.alloc(0)
  const onEnd = (): void => {
    stream.destroy()
  }
  const onData = (chunk: Buffer): void => {
    seen = Buffer.concat([seen, chunk])
    let taken
    try {
      taken = takeMessage(wire, seen)
    } catch {
      stream.destroy()
      return
    }
    if (taken === undefined) return
    stream.off('data', onData).off('end', onEnd).pause()
    if (taken.rest.length > 0) stream.unshift(taken.rest)
    context.log('received', taken.message)
    context.onStart(stream)
    const { proxy_name: name, error } = taken.message.body
    const proxy = typeof name === 'string' ? context.proxyOf(name) : undefined
    if (taken.message.name !== 'StartWorkConn' || error !== undefined || proxy === undefined) stream.destroy()
    else join(stream, proxy, context)
  }
  stream.on('data', onData).once('end', onEnd)
}

/** As Go's join: where one side ends, what it said still goes through, and both are closed. */
function join(stream: Duplex, proxy: FrpcProxy, context: WorkContext): void {
  const { target } = proxy
  const local = 'path' in target ? connect(target.path) : connect({ host: '127.0.0.1', port: target.port })
  local.on('error', () => undefined)
  let fromLocal: Readable = local
  let fromServer: Readable = stream
  if (proxy.useEncryption === true) {
    const token = context.options.authToken ?? ''
    const sealer = new CfbSealer(token, () => context.random(16, 'iv'))
    const opener = new CfbOpener(token)
    fromLocal = local.pipe(new Chunks((chunk) => sealer.seal(chunk)))
    fromServer = stream.pipe(new Chunks((chunk) => [opener.open(chunk)]))
  }
  let isClosed = false
  const closeBoth = (): void => {
    if (isClosed) return
    isClosed = true
    fromLocal.unpipe(stream)
    fromServer.unpipe(local)
    stream.end(() => stream.destroy())
    local.end(() => local.destroy())
  }
  fromLocal.once('end', closeBoth)
  fromServer.once('end', closeBoth)
  stream.once('close', closeBoth)
  local.once('close', () => {
    if (!local.readableEnded) closeBoth()
  })
  fromLocal.pipe(stream, { end: false })
  fromServer.pipe(local, { end: false })
}

class Chunks extends Transform {
  readonly #map: (chunk: Buffer) => Buffer[]

  constructor(map: (chunk: Buffer) => Buffer[]) {
    super()
    this.#map = map
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (const out of this.#map(chunk)) if (out.length > 0) this.push(out)
    done()
  }
}
