import type net from 'node:net'
import { HarpError } from '../../base/errors.ts'
import { PatientSocket } from './patient-socket.ts'
import type { Dialer, DialTarget, Wire, WireHandler } from './wire.ts'

/** Read buffers by what the stream does: waiting tunnels, answers, bulk. */
const idleBytes = 1024
const normalBytes = 16_384
const bulkBytes = 65_536
const shrinkAfterSmallReads = 64

/**
 * A wire over TCP that reads into its own reused buffer (`onread`), which saves an allocation and a stream
 * event per read: measured twice as cheap as `data` events on bulk downloads.
 */
export class SocketWire implements Wire {
  readonly #socket: net.Socket
  #handler: WireHandler | null = null
  #buffer = Buffer.allocUnsafeSlow(normalBytes)
  #floorBytes = normalBytes
  #smallReads = 0
  #error: Error | null = null
  #paused = false

  constructor(target: DialTarget) {
    this.#socket = new PatientSocket({
      allowHalfOpen: true,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (count: number) => this.#onRead(count),
      },
    })
    this.#socket.on('end', () => this.#handler?.onEnd())
    this.#socket.on('drain', () => this.#handler?.onDrain())
    this.#socket.on('error', (error: Error) => {
      this.#error = error
    })
    this.#socket.on('close', () => this.#handler?.onClose(this.#error))
    this.#socket.setNoDelay(true)
    this.#socket.connect({ host: target.address, port: target.port })
  }

  /** Resolves when connected, rejects with the reason it could not be. */
  async connected(timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => {
      reject(
        new HarpError('UPSTREAM_CONNECT_TIMEOUT', `no connection within ${timeoutMs} ms`, {
          retryable: true,
        }),
      )
      this.#socket.destroy()
    }, timeoutMs)
    const onError = (error: Error): void => reject(error)
    this.#socket.once('connect', () => resolve(undefined))
    this.#socket.once('error', onError)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#socket.removeListener('error', onError)
    }
  }

  setHandler(handler: WireHandler): void {
    this.#handler = handler
  }

  write(data: Buffer | string): boolean {
    return typeof data === 'string' ? this.#socket.write(data, 'latin1') : this.#socket.write(data)
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  destroySoon(): void {
    this.#socket.destroySoon()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    this.#socket.resume()
  }

  shrink(): void {
    this.#floorBytes = idleBytes
    this.#smallReads = shrinkAfterSmallReads
  }

  #onRead(count: number): boolean {
    const chunk = count === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, count)
    if (count === this.#buffer.length) this.#smallReads = 0
    else this.#smallReads++
    this.#handler?.onData(chunk)
    return !this.#paused
  }

  /** Called once at the start and after every read; a full buffer asks for a larger one. */
  #nextBuffer(): Buffer {
    // NOTE: while paused, a write may still point into the buffer; it is changed at the next read instead.
    if (this.#paused) return this.#buffer
    const size = this.#buffer.length
    if (size < bulkBytes && this.#smallReads === 0) {
      this.#buffer = Buffer.allocUnsafeSlow(size < normalBytes ? normalBytes : bulkBytes)
    } else if (size > this.#floorBytes && this.#smallReads >= shrinkAfterSmallReads) {
      this.#buffer = Buffer.allocUnsafeSlow(this.#floorBytes)
    }
    return this.#buffer
  }
}

export const socketDialer: Dialer = {
  async dial(target, timeoutMs) {
    const wire = new SocketWire(target)
    await wire.connected(timeoutMs)
    return wire
  },
}
