/** Writes the vectors of part "proofs" anew: `node test/sync/support/write-proof-vectors.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { proofVectorFiles, vectorFolder } from './proof-vectors.ts'

mkdirSync(vectorFolder, { recursive: true })
for (const [path, text] of proofVectorFiles()) writeFileSync(path, text)
