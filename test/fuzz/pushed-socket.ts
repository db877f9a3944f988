/** Feeds Node's own HTTP parsers without a network: what it reads is pushed by the test, what it writes is dropped. */
import { Duplex } from 'node:stream'

export class PushedSocket extends Duplex {
  override _read(): void {
    // Bytes come by push only.
  }

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }
}

/** Node's raw header list with names in lower case, as the codec gives them. */
export function flatFields(raw: readonly string[]): string[] {
  return raw.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text))
}
