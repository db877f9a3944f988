import { expect, test } from 'vitest'
import { showUrl } from './base-url.ts'

test.each([
  ['ftp://cloud.example.com', 'ftp://cloud.example.com'],
  ['https://me:pa/ss@cloud.example.com', '[hidden]@cloud.example.com'],
  ['https://me:pa?ss@cloud.example.com', '[hidden]@cloud.example.com'],
  ['https://me:p@ss@cloud', '[hidden]@cloud'],
  ['https://cloud/?token=pass', 'https://cloud/?[hidden]'],
  ['https://cloud/#pass', 'https://cloud/#[hidden]'],
  ['https://a@cloud/?pass', '[hidden]@cloud/?[hidden]'],
])('of %s only %s is ever shown', (text, shown) => {
  expect(showUrl(text)).toBe(shown)
})
