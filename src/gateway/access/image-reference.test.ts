import { expect, test } from 'vitest'
import { imagePathSegment, isImageReference } from './image-reference.ts'

const hash = 'a'.repeat(64)

test.each([
  'alpine',
  'ghcr.io/nextcloud/test-deploy:release-cpu',
  'localhost:5000/a/b__c/d.e-f:V1.2_3',
  '[::1]:5000/app',
  `registry.example.com/app@sha256:${hash}`,
  `app:1@sha256:${hash}`,
  `sha256:${hash}`,
  hash,
])('%s is a reference', (text) => {
  expect(isImageReference(text)).toBe(true)
})

test.each([
  '',
  ' alpine',
  'Alpine',
  'a/../b',
  'a//b',
  'a/',
  'a:',
  'a:b:c',
  'a?x=1',
  'a b',
  'a%2fb',
  'a\n',
  '../containers/create',
  'a@sha256:short',
  `a:${'x'.repeat(129)}`,
  'a'.repeat(600),
])('%j is none', (text) => {
  expect(isImageReference(text)).toBe(false)
})

test('in a path only slashes are escaped', () => {
  expect(imagePathSegment(`ghcr.io/a/b:c@sha256:${hash}`)).toBe(`ghcr.io%2Fa%2Fb:c@sha256:${hash}`)
})
