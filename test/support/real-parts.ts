/**
 * Tests that need a real part (nginx, Chromium, a Docker Engine). Without the part the test is skipped and says
 * why; with HARP_TEST_REAL=1 (where everything is installed) the absence is a failure.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test as declare, type TestContext } from 'vitest'

export type RealPartTest = (
  name: string,
  body: (context: TestContext) => Promise<void> | void,
  timeoutMs?: number,
) => void

/** A `test` that runs only where the part is there; `isPresent` is asked once, when the first test starts. */
export function realPart(part: string, isPresent: () => boolean | Promise<boolean>): RealPartTest {
  let known: Promise<boolean> | undefined
  return (name, body, timeoutMs) => {
    // oxlint-disable-next-line vitest/valid-title, vitest/expect-expect -- both are the caller's
    declare(name, timeoutMs === undefined ? {} : { timeout: timeoutMs }, async (context) => {
      known ??= Promise.resolve(isPresent())
      if (!(await known)) {
        if (process.env['HARP_TEST_REAL'] === '1') {
          throw new Error(`${part} is not installed and HARP_TEST_REAL=1 allows no skip`)
        }
        context.skip(`${part} is not installed`)
      }
      await body(context)
    })
  }
}

/** Whether a program of this name is on the PATH. */
export function isCommandInstalled(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      // NOTE: not there, or not for us: both mean "not installed".
      return false
    }
  })
}
