import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { nodeSuite as suite } from '../../src/sync/crypto/node-suite.ts'
import { fromHex } from '../../src/sync/ids.ts'
import { verifyHistory } from '../../src/sync/proof/verify-history.ts'
import {
  type AcceptedVector,
  proofVectorFiles,
  type RefusedVector,
  told,
  trustOfVector,
  vectorPath,
} from './support/proof-vectors.ts'

const frozen = JSON.parse(readFileSync(vectorPath('history-proofs'), 'utf8')) as {
  accepted: AcceptedVector[]
  refused: RefusedVector[]
}

for (const [path, text] of proofVectorFiles()) {
  test(`the code still makes the frozen ${basename(path)}`, () => {
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
}

test.for(frozen.accepted)('accepted: $name', (vector) => {
  const result = verifyHistory(suite, fromHex(vector.proof), trustOfVector(vector.trust))
  expect(told(result)).toEqual(vector.told)
  expect(result.refused === undefined ? result.matches : undefined).toEqual(vector.matches)
})

test.for(frozen.refused)('refused: $name', (vector) => {
  expect(verifyHistory(suite, fromHex(vector.proof), trustOfVector(vector.trust)).refused).toBe(vector.reason)
})
