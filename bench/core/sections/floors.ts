/** What the cryptography and the encoding of one entry cost by themselves, here and now: the rest is compared with it. */
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { decodeMeta, encodeMeta } from '../../../src/sync/format/entry-codec.ts'
import { decodeOperation, encodeOperation } from '../../../src/sync/format/operation-codec.ts'
import { FolderScript } from '../fixture/folder-script.ts'
import { seededRandom } from '../fixture/seeded.ts'
import { micros, type SectionReport } from '../report.ts'
import { spend } from '../spent.ts'

const runs = 4_000
const rounds = 5

export function measureFloors(): SectionReport {
  const random = seededRandom('floors')
  const [key, nonce, salt, seed] = [random(32), random(12), random(32), random(32)]
  const [info, associated, content] = [random(60), random(220), random(256)]
  const sealed = nodeSuite.seal(key, nonce, { associated, content })
  const publicKey = nodeSuite.signingKey(seed)
  const signature = nodeSuite.sign(seed, content)
  const metaBytes = encodeMeta(sampleMeta())
  const meta = decodeMeta(metaBytes)
  const operation = new FolderScript('a', 1).next(1)[0]!.operation
  const operationBytes = encodeOperation(operation)
  const floors: readonly (readonly [string, () => unknown])[] = [
    ['SHA3-256 of 256 bytes', () => nodeSuite.hash(content)],
    ['HKDF-SHA-256, one key', () => nodeSuite.derive(key, salt, info)],
    ['AES-256-GCM, seal 256 bytes', () => nodeSuite.seal(key, nonce, { associated, content })],
    ['AES-256-GCM, open 256 bytes', () => nodeSuite.open(key, nonce, { associated, content: sealed })],
    ['Ed25519, sign', () => nodeSuite.sign(seed, content)],
    ['Ed25519, verify', () => nodeSuite.verify(publicKey, content, signature)],
    [`encode the meta of an entry (${metaBytes.length} bytes)`, () => encodeMeta(meta)],
    ['decode it, strictly', () => decodeMeta(metaBytes)],
    [`encode an operation (${operationBytes.length} bytes)`, () => encodeOperation(operation)],
    ['decode it, strictly', () => decodeOperation(operationBytes)],
  ]
  const costs = floors.map(([name, run]) => [name, cheapest(run)] as const)
  return {
    tables: [
      {
        title: 'Floors: what one call costs',
        head: ['', 'CPU µs'],
        rows: costs.map(([name, seconds]) => [name, micros(seconds)]),
        notes: ['The cheapest of five rounds. One signature is shared by all entries of a batch.'],
      },
    ],
    values: { floors: Object.fromEntries(costs) },
  }
}

function cheapest(run: () => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round <= rounds; round++) {
    const { cpuSeconds } = spend(() => {
      for (let count = 0; count < runs; count++) run()
    })
    // The first round is for the compiler.
    if (round > 0) least = Math.min(least, cpuSeconds / runs)
  }
  return least
}

function sampleMeta(): Parameters<typeof encodeMeta>[0] {
  return {
    folderId: 'ab'.repeat(32),
    deviceId: 'cd'.repeat(32),
    incarnation: 'ef'.repeat(16),
    seq: 123_456,
    hlc: { ms: 1_750_000_000_000, counter: 7 },
    parents: [],
    epoch: '12'.repeat(16),
    kind: 'operation',
    bodyHash: '34'.repeat(32),
    bodyLength: 272,
    chunks: { hash: '56'.repeat(32), count: 1 },
  }
}
