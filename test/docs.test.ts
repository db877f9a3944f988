import { readFileSync } from 'node:fs'
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
