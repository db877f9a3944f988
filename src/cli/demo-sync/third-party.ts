import { performance } from 'node:perf_hooks'
import {
  nodeSuite,
  parseDeviceText,
  verifyHistory,
  type ProofRefusal,
  type ProvedHistory,
  type VerifiedHistory,
} from '../../sync/index.ts'
import type { NameOf } from './history-table.ts'
import { clockText } from './story-clock.ts'

/** All that somebody outside was told: the folder's id, and the devices' ids as they were read out. */
export interface Told {
  readonly folderId: string
  readonly devices: readonly string[]
}

/** Somebody with no keys, no copy of the folder and no connection, who is handed a proof. */
export class ThirdParty {
  readonly #told: Told

  constructor(told: Told) {
    this.#told = told
  }

  /** `contentHash`: of a file that the third party holds. */
  check(proof: Uint8Array, contentHash?: string): VerifiedHistory {
    const { folderId } = this.#told
    const devices = this.#told.devices.flatMap((text) => parseDeviceText(nodeSuite, text) ?? [])
    const trust = { folderId, devices }
    return verifyHistory(nodeSuite, proof, contentHash === undefined ? trust : { ...trust, contentHash })
  }
}

/** What a version is to the third party: without the keys its name and size stay unknown. */
export function provedRows({ nodes }: ProvedHistory, nameOf: NameOf): string[][] {
  return nodes.flatMap(({ versions }) =>
    versions.map(({ deviceId, hlc, bodyLength, opened }, index) => [
      `version ${index + 1}`,
      nameOf(deviceId),
      clockText(hlc.ms),
      opened === undefined
        ? `sealed, ${bodyLength} bytes`
        : opened.type === 'put'
          ? `${opened.name}, ${opened.content.size} bytes, hash ${opened.content.hash.slice(0, 12)}…`
          : opened.name,
    ]),
  )
}

export function refusalInWords(result: VerifiedHistory): string {
  return result.refused === undefined ? 'ACCEPTED' : `refused: ${reasons[result.refused]}`
}

const reasons: Readonly<Record<ProofRefusal, string>> = {
  'too-large': 'more bytes than a proof may have',
  malformed: 'not a proof in its one encoding',
  'untrusted-issuer': 'signed by a device nobody told of',
  'other-folder': 'about another folder',
  signature: 'the signature is not over this',
  'not-in-map': 'not the versions that were signed',
  'not-a-version': 'an entry that cannot be a version',
  'not-the-body': 'not what the version says',
  'other-node': 'versions of two different files',
  'older-refused': 'the older statement is not to be trusted',
  'not-grown': 'history was changed since the older statement',
  'older-unknown': 'growth since a statement the reader does not have',
}

/** Once, and for the first time: as slow as it is for somebody who wants one proof. */
export function timed<T>(run: () => T): { readonly result: T; readonly text: string } {
  const start = performance.now()
  const result = run()
  return { result, text: `${(performance.now() - start).toFixed(1)} ms` }
}
