import { HarpError } from '../../base/errors.ts'
import { ExchangeSession, nodeSuite } from '../../sync/index.ts'
import type { StoryDevice } from './story-device.ts'

/** What one device sent while the two were connected. */
export interface Sent {
  readonly messages: number
  readonly bytes: number
  /** Entries that were new to the other. */
  readonly entries: number
}

interface End {
  readonly device: StoryDevice
  readonly session: ExchangeSession<ReturnType<StoryDevice['replica']['receive']>>
  readonly sent: { messages: number; bytes: number; entries: number }
}

/** Connects two devices until both have the same; the cable here is a loop that hands over messages. */
export function meet(left: StoryDevice, right: StoryDevice, now: number): [Sent, Sent] {
  const ends = [endOf(left, right), endOf(right, left)] as const
  for (let moved = true; moved;) {
    moved = false
    for (const [from, to] of [ends, ends.toReversed() as [End, End]]) {
      for (let message = from.session.next(now); message !== undefined; message = from.session.next(now)) {
        deliver(message, { from, to }, now)
        moved = true
      }
    }
  }
  for (const { device, session } of ends) {
    if (!session.idle) throw new HarpError('SYNC_FAULT', `${device.name} still waits for something`)
    device.replica.commit()
  }
  return [ends[0].sent, ends[1].sent]
}

function endOf(device: StoryDevice, peer: StoryDevice): End {
  const { replica } = device
  const options = { suite: nodeSuite, folderId: replica.folderId, peer: peer.name }
  return {
    device,
    session: new ExchangeSession(replica, options),
    sent: { messages: 0, bytes: 0, entries: 0 },
  }
}

function deliver(message: Uint8Array, { from, to }: { from: End; to: End }, now: number): void {
  const { received, strike, fault } = to.session.receive(message, now)
  const problem = strike ?? fault
  if (problem !== undefined) {
    throw new HarpError('SYNC_FAULT', `${to.device.name} refuses: ${problem.reason} ${problem.detail}`)
  }
  from.sent.messages++
  from.sent.bytes += message.length
  from.sent.entries += received?.accepted.length ?? 0
}
