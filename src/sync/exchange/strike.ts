import type { FormatError } from '../format/format-error.ts'
import type { BatchRefusal, BatchVerdict, StatementVerdict } from './exchange-replica.ts'
import type { FaultReason } from './message.ts'

/** Something invalid that the peer sent. */
export interface Strike {
  readonly reason: FaultReason
  readonly detail: string
}

/** Why a session has ended: by our decision about the peer, or by the peer's about us. */
export interface SessionFault extends Strike {
  readonly by: 'us' | 'peer'
}

export interface ReceiveOutcome<V extends BatchVerdict> {
  /** What the replica said of a batch. */
  readonly received: V | undefined
  /** The log or the statements grew: other sessions of this replica should hear of it by `changed()`. */
  readonly changed: boolean
  readonly strike: Strike | undefined
  readonly fault: SessionFault | undefined
}

/** What a message that cannot be read is called. */
export function malformation({ reason }: FormatError): FaultReason {
  if (reason === 'version') return 'version'
  return reason === 'limit' ? 'too-large' : 'malformed'
}

export function describe({ reason, detail }: BatchRefusal): string {
  return `${reason}: ${detail}`
}

/** A relay without keys cannot see that the roots are wrong, so it is not charged for that. */
export function isSendersFault(outcome: StatementVerdict['outcome']): boolean {
  return outcome.startsWith('refused-') && outcome !== 'refused-roots'
}
