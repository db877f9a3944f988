/**
 * Writes the frozen vectors of the sync formats. Run with: node scripts/make-sync-vectors.ts
 * A change in these files is a change of the format: old replicas do not read what new ones write.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { formatVectors, vectorText } from '../test/sync/support/format-vectors.ts'

const folder = new URL('../test/vectors/sync/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, content] of Object.entries(formatVectors())) {
  writeFileSync(new URL(name, folder), vectorText(content))
}
