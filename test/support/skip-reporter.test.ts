import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { startVitest } from 'vitest/node'
import { SkipReporter } from './skip-reporter.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

async function run(source: string, env: Record<string, string> = {}): Promise<string[]> {
  const root = await mkdtemp(join(here, '.skip-reporter-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  await writeFile(join(root, 'inner.test.ts'), source)
  const lines: string[] = []
  const exitCode = process.exitCode
  const inner = await startVitest('test', [], {
    root,
    config: false,
    watch: false,
    env: { HARP_TEST_REAL: '', ...env },
    reporters: [new SkipReporter((line) => lines.push(line.trim()))],
  })
  await inner.close()
  process.exitCode = exitCode
  return lines
}

const missingPart = `
  import { realPart } from '../real-parts.ts'
  realPart('no-such-part', () => false)('needs it', () => undefined)
`

test('a run ends with the skipped tests, their reasons, and one line of counts', async () => {
  const lines = await run(`
    import { expect, test } from 'vitest'
    test('good', () => expect(1).toBe(1))
    test('bad', () => expect(1).toBe(2))
    test.todo('later')
    ${missingPart}
  `)

  expect(lines).toContain('Skipped (2):')
  expect(lines).toContain('inner.test.ts > later: to do')
  expect(lines).toContain('inner.test.ts > needs it: no-such-part is not installed')
  expect(lines.at(-1)).toBe('1 passed, 1 failed, 2 skipped')
}, 30_000)

test('a missing part fails the test where every part must be installed', async () => {
  const lines = await run(missingPart, { HARP_TEST_REAL: '1' })

  expect(lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped')
}, 30_000)

test('a test file that cannot be loaded counts as a failure', async () => {
  const lines = await run(`import './nothing-here.ts'`)

  expect(lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped')
}, 30_000)
