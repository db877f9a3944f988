import { writeFileSync } from 'node:fs'
import { chunkVectors } from './chunk-vectors.ts'
import { vectorText } from './format-vectors.ts'

// npx node test/sync/support/write-chunk-vectors.ts, when the format of contents has changed.
writeFileSync(new URL('../../vectors/sync/chunks.json', import.meta.url), vectorText(chunkVectors()))
