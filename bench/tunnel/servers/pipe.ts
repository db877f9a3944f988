import type { Duplex } from 'node:stream'

/** Bytes both ways until one side ends; then both are closed. */
export function pipeBoth(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to)
    from.on('error', () => {})
    from.on('close', () => to.destroy())
  }
}
