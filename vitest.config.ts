import { defineConfig } from 'vitest/config'
import { SkipReporter } from './test/support/skip-reporter.ts'

/** `unit` is the fast subset of `npm run check`; the others start real processes. */
const suite = (
  name: string,
  include: string[],
  testTimeout: number,
  more: { fileParallelism?: boolean; maxConcurrency?: number; exclude?: string[] } = {},
) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: Math.max(30_000, testTimeout), ...more },
})

/** Property tests over whole disks, and tests with daemons or many processes: seconds each. */
const sync = [
  'test/{sync-e2e,sync/evil,sync/lifecycle}/**/*.test.ts',
  'test/sync/{up-agreement,down-property,crash-points}.test.ts',
  'src/sync/folder/{strays,cut-short,only-copy}.test.ts',
  'src/cli/sync-commands.test.ts',
]

export default defineConfig({
  test: {
    reporters: ['default', new SkipReporter()],
    maxWorkers: 2,
    projects: [
      suite(
        'unit',
        [
          'src/**/*.test.ts',
          'test/*.test.ts',
          'test/{fuzz,packaging,sync}/**/*.test.ts',
          'test/support/*.test.ts',
        ],
        20_000,
        { exclude: ['test/sync/mutants/**', 'test/sync/exhaustive.test.ts', ...sync] },
      ),
      suite('conformance', ['test/conformance/**/*.test.ts'], 30_000),
      suite('integration', ['test/integration/**/*.test.ts'], 30_000),
      suite('load', ['test/load/**/*.test.ts'], 120_000),
      suite('faults', ['test/faults/**/*.test.ts'], 120_000, { fileParallelism: false, maxConcurrency: 16 }),
      suite('engine', ['test/engine/**/*.test.ts'], 120_000, { fileParallelism: false }),
      suite('proxies', ['test/proxies/**/*.test.ts'], 60_000),
      suite('sim', ['test/sim/**/*.test.ts', 'test/sync/exhaustive.test.ts'], 300_000),
      suite('sync', sync, 120_000, { fileParallelism: false }),
      suite('crash', ['test/sync-crash/**/*.test.ts'], 400_000, { fileParallelism: false }),
      suite('mutants', ['test/sync/mutants/*.test.ts'], 600_000),
      suite('browser', ['test/browser/**/*.test.ts'], 120_000),
    ],
  },
})
