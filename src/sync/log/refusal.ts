import { formatReasons } from '../format/format-error.ts'
import type { DeviceId } from '../ids.ts'

/** Why a batch is not taken. What a codec refuses has the codec's reason; the rest are the rules of the log. */
export const refusalReasons = [
  ...formatReasons,
  /** not signed by the device that it names */
  'signature',
  /** of another folder */
  'foreign-folder',
  /** not the next number of its chain, or a predecessor in another chain */
  'sequence',
  /** a clock that is not above those of predecessor and parents */
  'clock-order',
  /** a parent that is already in the past of the predecessor or of another parent */
  'parents',
  /** the author's role, in the entry's own past, does not allow this kind of entry */
  'role',
  /** an epoch unknown in the entry's past, made useless by a revocation in it, or introduced twice */
  'epoch',
  /** a new epoch that is not wrapped for exactly the members who may read */
  'recipients',
  /** a device record that its own key has not signed */
  'device-record',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

export interface Refusal {
  readonly reason: RefusalReason
  /** The author, if the batch could be read that far. The sender may be another. */
  readonly deviceId: DeviceId | undefined
  readonly detail: string
}
