import { deviceIdOf, nodeSuite, type DeviceId, type LogEntry, type Replica } from '../../sync/index.ts'
import { FolderInWords } from './folder-in-words.ts'
import { clockText } from './story-clock.ts'

export type NameOf = (device: DeviceId) => string

/** The one order of everything that was done: number, time, device, what, and whether the other did not know of it. */
export function historyRows(replica: Replica, nameOf: NameOf): string[][] {
  const folder = new FolderInWords()
  return replica.order.map((entry, position) => [
    String(position + 1).padStart(2),
    clockText(entry.hlc.ms),
    nameOf(entry.deviceId),
    inWords(replica, entry, { folder, nameOf }),
    isConcurrent(replica, entry) ? 'concurrent' : '',
  ])
}

/** Was something else written by somebody who did not know of this, while its author did not know of that? */
function isConcurrent({ log, order }: Replica, entry: LogEntry): boolean {
  return order.some((other) => !log.observes(entry, other) && !log.observes(other, entry))
}

interface Wording {
  readonly folder: FolderInWords
  readonly nameOf: NameOf
}

function inWords({ log }: Replica, entry: LogEntry, { folder, nameOf }: Wording): string {
  if (entry.kind === 'operation') {
    return entry.operation === undefined ? 'cannot be read here' : folder.apply(entry.operation)
  }
  const body = log.body(entry)
  if ('device' in body) return `lets ${nameOf(deviceIdOf(nodeSuite, body.device.signingKey))} in`
  return entry.kind === 'genesis' ? 'founds the folder' : entry.kind
}
