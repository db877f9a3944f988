import { readFileSync } from 'node:fs'
import { gcm } from '@noble/ciphers/aes.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { expect, test } from 'vitest'
import { chunkVectors } from '../../../test/sync/support/chunk-vectors.ts'
import { vectorText } from '../../../test/sync/support/format-vectors.ts'
import { labels } from '../crypto/labels.ts'
import { portableSuite } from '../crypto/portable-suite.ts'
import { fromHex, toHex } from '../ids.ts'
import { contentKeysOf } from './content-keys.ts'

const text = readFileSync(new URL('../../../test/vectors/sync/chunks.json', import.meta.url), 'utf8')
const vectors = JSON.parse(text) as {
  folderId: string
  firstEpochKey: string
  contentKey: string
  boundaryKey: string
  chunks: { plaintext: string; key: string; sealed: string; id: string }[]
}

test('the frozen vectors are still what is made', () => {
  expect(vectorText(chunkVectors())).toBe(text)
})

test('keys, with other cryptography', () => {
  const keys = contentKeysOf(portableSuite, vectors.folderId, fromHex(vectors.firstEpochKey))
  expect(toHex(keys.content)).toBe(vectors.contentKey)
  expect(toHex(keys.boundaries)).toBe(vectors.boundaryKey)
})

test.each(vectors.chunks)('chunk $id, with other cryptography', ({ plaintext, key, sealed, id }) => {
  const content = fromHex(plaintext)
  const found = blake3(content, { key: fromHex(vectors.contentKey) })
  expect(toHex(found)).toBe(key)
  const secret = blake3(found, { context: labels.chunkKey })
  expect(toHex(gcm(secret, new Uint8Array(12), labels.chunk).encrypt(content))).toBe(sealed)
  expect(toHex(blake3(fromHex(sealed)))).toBe(id)
})
