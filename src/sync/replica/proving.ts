import { HarpError } from '../../base/errors.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { entrySecret } from '../format/sealing.ts'
import type { SignedStatement } from '../format/statement.ts'
import type { Log } from '../log/log.ts'
import { makeHistoryProof, type HistoryRequest } from '../proof/make-history-proof.ts'
import type { MapLeaves } from '../proof/map-leaves.ts'
import type { Fold } from './fold.ts'
import type { Keyring } from './keyring.ts'

export interface ProvingParts {
  readonly suite: CryptoSuite
  readonly log: Log
  readonly fold: Fold
  readonly keyring: Keyring
  readonly leaves: MapLeaves | undefined
}

/**
 * A FileHistoryProof under a statement that was made from this order. If entries have come since, the tree is taken
 * back to what the statement covers, and goes forward again when somebody looks at it.
 */
export function proveUnder(
  parts: ProvingParts,
  signed: SignedStatement,
  request: HistoryRequest,
): Uint8Array {
  const { suite, log, fold, keyring, leaves } = parts
  if (leaves === undefined) {
    throw new HarpError('SYNC_NO_KEY', 'a proof needs keys of the folder, and this device has none', {
      fix: 'make the proof on a device whose role is read, write or admin',
    })
  }
  fold.advance(signed.statement.size)
  return makeHistoryProof(
    {
      signed,
      leaves,
      log: fold.merkle,
      contentState: (node) => fold.tree.contentState(node),
      record: (entry) => log.record(entry),
      secret: ({ meta, prev, body }) => {
        const key = keyring.key(meta.epoch)
        return key === undefined ? undefined : entrySecret(suite, key, meta, prev, body)
      },
    },
    request,
  )
}
