import net from 'node:net'
import { errorCode } from '../base/errors.ts'

type WriteCallback = (error?: Error | null) => void

/**
 * A TCP socket whose failed write does not throw away what the peer said before it left. An app that
 * answers 413 in the middle of an upload and closes makes our next write fail, often before its answer is
 * read; Node then destroys the socket, answer and all. Here reading goes on to its own end first.
 */
export class PatientSocket extends net.Socket {
  // One slot is enough: a stream has one write under way at a time. No closure for each write.
  #callback: WriteCallback | null = null

  readonly #onWritten: WriteCallback = (error) => {
    if (error !== undefined && error !== null && this.#mayHaveMore(error)) {
      this.once('end', () => this.#settle(error))
    } else {
      this.#settle(error)
    }
  }

  override _write(chunk: unknown, encoding: BufferEncoding, callback: WriteCallback): void {
    this.#callback = callback
    super._write(chunk, encoding, this.#onWritten)
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], callback: WriteCallback): void {
    this.#callback = callback
    super._writev?.(chunks, this.#onWritten)
  }

  #settle(error: Error | null | undefined): void {
    const callback = this.#callback
    this.#callback = null
    callback?.(error)
  }

  #mayHaveMore(error: Error): boolean {
    const code = errorCode(error)
    return !this.readableEnded && !this.destroyed && (code === 'EPIPE' || code === 'ECONNRESET')
  }
}
