import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { nodeSuite as suite } from '../../../src/sync/crypto/node-suite.ts'
import { fromHex, toHex } from '../../../src/sync/ids.ts'
import { verifyHistory } from '../../../src/sync/proof/verify-history.ts'
import { isCommandInstalled, realPart } from '../../support/real-parts.ts'
import {
  historyProofVectors,
  type ProofVector,
  told,
  trustOfVector,
  vectorFolder,
  vectorNames,
} from '../support/proof-vectors.ts'
import { flipBit, seededRandom } from '../support/proof-world.ts'

/** Starting an interpreter takes its time on a busy machine. */
const patience = 60_000
const python = realPart('python3', () => isCommandInstalled('python3'))
const script = join(import.meta.dirname, 'verify.py')

function run(argument: string, input = ''): { status: number | null; stdout: string; stderr: string } {
  const options = { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const
  return spawnSync('python3', ['-B', script, argument], options)
}

python(
  'a verifier in another language, which shares no code, agrees with the vectors',
  () => {
    const { status, stdout, stderr } = run(vectorFolder)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^\d+ vectors hold\n$/)
    expect(status).toBe(0)
  },
  patience,
)

python(
  'it notices any digit that is changed in the vectors',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'harp-vectors-'))
    try {
      for (const name of vectorNames) {
        cpSync(vectorFolder, folder, { recursive: true })
        const path = join(folder, `${name}.json`)
        const text = readFileSync(path, 'utf8')
        // The last digit of the first long hex text that follows this key: a hash, or a proof.
        const key = {
          'merkle-log': '"root"',
          'state-map': '"root"',
          chains: '"hash"',
          'history-proofs': '"proof"',
        }[name]
        const found = new RegExp(`${key}: "[0-9a-f]{63}`, 'u').exec(text)
        const at = (found?.index ?? 0) + (found?.[0].length ?? 0)
        writeFileSync(path, `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`)
        const { status, stderr } = run(folder)
        expect(stderr).toMatch(/: found .* wanted /u)
        expect(status).toBe(1)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  patience,
)

python(
  'it comes to the same verdict on hundreds of changed proofs',
  () => {
    const random = seededRandom(suite, 'changed proofs')
    const cases: ProofVector[] = []
    for (const vector of historyProofVectors().accepted) {
      const bytes = fromHex(vector.proof)
      cases.push(vector)
      for (let round = 0; round < 40; round++) {
        const [high = 0, low = 0] = random(2)
        const changed = flipBit(bytes, (high * 256 + low) % (bytes.length * 8))
        cases.push({
          ...vector,
          proof: toHex(round % 20 === 0 ? bytes.subarray(0, (high * 4) % bytes.length) : changed),
        })
      }
    }
    const { stdout, stderr } = run('-', JSON.stringify(cases))
    expect(stderr).toBe('')
    const verdicts = JSON.parse(stdout) as unknown[]
    const own = cases.map(({ proof, trust }) =>
      told(verifyHistory(suite, fromHex(proof), trustOfVector(trust))),
    )
    expect(verdicts).toEqual(own)
    expect(own.filter((each) => 'refused' in each).length).toBe(cases.length - 6)
  },
  patience,
)
