import { HarpError } from '../../base/errors.ts'
import { epochIdOf, genesisScope, wrapEpochKey } from '../crypto/epoch-keys.ts'
import { checkDeviceRecord, deviceIdOf, type DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { Batch } from '../format/entry.ts'
import { encodeGenesis } from '../format/membership-codec.ts'
import type { ChunkerParameters, DeviceRecord, FolderMode, Genesis } from '../format/membership.ts'
import { compareIds, noFolder } from '../ids.ts'
import type { ChainWriter } from './chain-writer.ts'

/** Where content is cut: 64 KiB, 256 KiB, 1 MiB. */
export const defaultChunker: ChunkerParameters = { minimum: 65_536, target: 262_144, maximum: 1_048_576 }

export interface Founding {
  readonly mode: FolderMode
  /** Whose statements are the final order; the creator itself, if it is not given in `server_authoritative` mode. */
  readonly authority?: DeviceRecord
  readonly chunker?: ChunkerParameters
}

export interface FoundingParts {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly random: RandomBytes
  readonly chain: ChainWriter
}

/** The genesis entry of a new folder, signed. Its hash is the folder's id. */
export function foundFolder(parts: FoundingParts, founding: Founding, now: number): Batch {
  const { suite, keys, random, chain } = parts
  const authority = founding.mode === 'peer' ? undefined : (founding.authority ?? keys.record)
  if (founding.mode === 'peer' && founding.authority !== undefined) {
    throw new HarpError('SYNC_FOUNDING', 'a folder in peer mode has no authority', {
      fix: 'leave the authority out, or found the folder in mode server_authoritative',
    })
  }
  if (authority !== undefined && !checkDeviceRecord(suite, authority)) {
    throw new HarpError('SYNC_FOUNDING', 'the record of the authority is not signed by its own key', {
      fix: 'copy the record of the authority again, whole',
    })
  }
  const epochKey = random(32)
  const salt = random(32)
  const scope = genesisScope({ salt })
  const readers = new Map([[keys.deviceId, keys.record]])
  if (authority !== undefined) readers.set(deviceIdOf(suite, authority.signingKey), authority)
  const wraps = [...readers]
    .sort(([left], [right]) => compareIds(left, right))
    .map(([deviceId, record]) => ({
      deviceId,
      wrapped: wrapEpochKey(suite, random, epochKey, scope, record),
    }))
  const genesis: Genesis = {
    suite: suite.id,
    mode: founding.mode,
    creator: keys.record,
    authority,
    chunker: founding.chunker ?? defaultChunker,
    salt,
    epoch: epochIdOf(suite, epochKey),
    wraps,
  }
  const body = encodeGenesis(genesis)
  return chain.make([{ kind: 'genesis', body }], { folderId: noFolder, parents: [], latest: undefined, now })
}
