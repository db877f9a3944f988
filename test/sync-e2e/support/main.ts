/**
 * The `harp` program from source, for tests: what bin/harp.js is for the build. The daemon also ends when its stdin
 * ends, so that a test run that dies never leaves one behind.
 */
import type { Socket } from 'node:net'
import { main } from '../../../src/cli/main.ts'

if (process.argv[2] === 'up') {
  const stdin = process.stdin as unknown as Socket
  stdin.on('end', () => process.exit(70))
  stdin.resume()
  stdin.unref()
}

main(process.argv).then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
