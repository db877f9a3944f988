import type { LogEntry, ShownFile } from '../../sync/index.ts'
import type { NameOf } from './history-table.ts'
import { clockText } from './story-clock.ts'

/** All versions of a file in their order, with what they are to the reader now. */
export function versionRows(file: ShownFile<LogEntry>, nameOf: NameOf): string[][] {
  const concurrent = new Set(file.concurrent.map(({ entry }) => entry))
  return file.versions.map(({ entry, operation }, index) => {
    const mark =
      entry === file.current.entry
        ? 'shown'
        : concurrent.has(entry)
          ? 'concurrent: kept beside it'
          : 'replaced'
    const size = operation.type === 'put' ? `${operation.content.size} bytes` : ''
    return [`version ${index + 1}`, nameOf(entry.deviceId), clockText(entry.hlc.ms), size, mark]
  })
}
