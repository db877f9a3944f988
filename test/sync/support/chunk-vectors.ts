import { sealChunk } from '../../../src/sync/content/chunk-seal.ts'
import { Chunker, gearTable } from '../../../src/sync/content/chunker.ts'
import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import { packManifest } from '../../../src/sync/content/manifest.ts'
import { ScriptScan } from '../../../src/sync/content/script-scan.ts'
import { concatBytes } from '../../../src/sync/format/cbor.ts'
import { defaultChunker } from '../../../src/sync/replica/founding.ts'
import { sampleEpochKey, sampleFolder, sampleKeys, seededContent, smallChunker } from './content-samples.ts'

const suite = nodeContentSuite

/** What stands in test/vectors/sync/chunks.json, byte strings as bytes. */
export function chunkVectors(): object {
  const table = gearTable(sampleKeys)
  return {
    folderId: sampleFolder,
    firstEpochKey: sampleEpochKey,
    contentKey: sampleKeys.content,
    boundaryKey: sampleKeys.boundaries,
    gear: new Uint8Array(table.buffer),
    contents: [
      contentCase(1, 0, smallChunker),
      contentCase(2, 1, smallChunker),
      contentCase(3, smallChunker.minimum + 1, smallChunker),
      contentCase(4, 100_000, smallChunker),
      contentCase(5, 3_000_000, defaultChunker),
    ],
    chunks: [chunkCase(new Uint8Array([0x61])), chunkCase(seededContent(6, 100))],
  }
}

/** `content` is `length` bytes of the words that `seededContent` in the test support makes of the seed. */
function contentCase(seed: number, length: number, parameters: typeof defaultChunker): object {
  const content = seededContent(seed, length)
  const scan = new ScriptScan(length + 1)
  scan.buffer.set(content)
  const chunker = new Chunker(scan, gearTable(sampleKeys), parameters)
  const chunks = []
  for (let at = 0; at < length;) {
    const end = chunker.cut(at, length, true)
    chunks.push({ ...sealChunk(sampleKeys, content.subarray(at, end)), length: end - at })
    at = end
  }
  const rows = {
    ids: concatBytes(...chunks.map(({ id }) => id)),
    keys: concatBytes(...chunks.map(({ key }) => key)),
    lengths: Uint32Array.from(chunks, (chunk) => chunk.length),
  }
  return {
    seed,
    length,
    parameters,
    hash: suite.hash(content),
    lengths: [...rows.lengths],
    ids: rows.ids,
    manifest: packManifest(sampleKeys, rows).manifest,
  }
}

function chunkCase(plaintext: Uint8Array): object {
  return { plaintext, ...sealChunk(sampleKeys, plaintext) }
}
