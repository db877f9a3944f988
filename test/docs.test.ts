import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generateDocuments } from '../scripts/generate-docs.ts'

const documents = generateDocuments()

test.each(documents.map(({ file, text }) => ({ name: file.pathname.split('/').at(-1), file, text })))(
  'docs/$name is what `npm run docs` would write now',
  ({ file, text }) => {
    const onDisk = readFileSync(file, 'utf8')

    expect(onDisk).toBe(text)
  },
)

test('a table cell cannot break its row', () => {
  const rows = documents.flatMap(({ text }) => text.split('\n').filter((line) => line.startsWith('|')))

  const columns = rows.map((row) => row.replaceAll('\\|', '').split('|').length - 2)

  expect(rows.length).toBeGreaterThan(60)
  expect(columns.filter((count) => ![3, 4, 5].includes(count))).toEqual([])
})

test('every error code that sync tells anybody is in docs/errors.md', () => {
  const root = new URL('..', import.meta.url)
  const page = readFileSync(new URL('docs/errors.md', root), 'utf8')
  const told = /(?:[eE]rror\(|code: |[pP]roblem\(|#find\(|#fail\([a-z]*,?)\s*'([A-Z]+_[A-Z_]+)'/g
  const codes = globSync('src/{sync,cli/commands}/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      [...readFileSync(new URL(file, root), 'utf8').matchAll(told)].map(([, code = '']) => code),
    )

  expect(codes.length).toBeGreaterThan(80)
  expect([...new Set(codes)].filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([])
})

test('docs/dependencies.md has every direct dependency with its version', () => {
  const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
  const manifest = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >
  const page = read('docs/dependencies.md')

  const missing = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .map(([name, version]) => `| ${name} | ${version} |`)
    .filter((row) => !page.includes(row))

  expect(missing).toEqual([])
})

test('the snippets in the README are those of docs/reverse-proxy.md, which are tried', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const page = readFileSync(new URL('../docs/reverse-proxy.md', import.meta.url), 'utf8')
  const snippets = [...page.matchAll(/<!-- snippet: (?!trusted)[a-z-]+ -->\s*(```[a-z]+\n[\s\S]*?\n```)/g)]

  expect(snippets.length).toBe(5)
  expect(snippets.filter((match) => !readme.includes(match[1] ?? '?')).map((match) => match[0])).toEqual([])
})
