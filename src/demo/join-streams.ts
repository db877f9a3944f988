import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'

/** Each side's end is passed on after its last byte; a side that breaks takes the other along. */
export function joinStreams(one: Duplex, other: Duplex): void {
  const whenDone = (): void => {
    // NOTE: pipeline has destroyed both where it failed.
  }
  pipeline(one, other, whenDone)
  pipeline(other, one, whenDone)
}
