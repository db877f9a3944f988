import { writeFileSync } from 'node:fs'
import { makeTreeVectors, vectorFile } from './tree-vectors.ts'

// npx node test/sync/support/write-tree-vectors.ts, when the rules of docs/spec/tree.md have changed.
const lines = makeTreeVectors().map((vector) => JSON.stringify(vector))
writeFileSync(vectorFile, `[\n${lines.join(',\n')}\n]\n`)
