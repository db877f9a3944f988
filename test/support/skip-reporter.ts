/** Ends a test run with the list of skipped tests and their reasons; the last line is the count of everything. */
import type { Reporter, SerializedError, TestModule } from 'vitest/node'

export class SkipReporter implements Reporter {
  readonly #print: (line: string) => void

  constructor(print: (line: string) => void = (line) => console.log(line)) {
    this.#print = print
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 }
    const skipped: string[] = []
    for (const module of modules) {
      // NOTE: a file that cannot be loaded has no tests to fail.
      if (module.state() === 'failed' && module.children.size === 0) counts.failed += 1
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'pending') counts.failed += 1
        else counts[result.state] += 1
        if (result.state === 'skipped') {
          const reason = result.note ?? (test.options.mode === 'todo' ? 'to do' : 'no reason given')
          skipped.push(`  ${module.relativeModuleId} > ${test.fullName}: ${reason}`)
        }
      }
    }
    if (skipped.length > 0) {
      this.#print(`\nSkipped (${skipped.length}):`)
      for (const line of skipped) this.#print(line)
    }
    this.#print(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}
