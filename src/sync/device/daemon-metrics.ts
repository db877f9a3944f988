import { Metrics, type Reading } from '../../base/metrics.ts'
import type { DiscoveryReport } from '../discovery/sighting.ts'
import type { FolderCounts } from '../folder/folder-counts.ts'
import type { UpkeepCounters } from '../folder/upkeep.ts'
import { folderStates, type DeviceStatus } from './daemon-api.ts'

/** What the daemon counts, read when somebody asks. */
export interface MetricsSource {
  status(): DeviceStatus
  /** Of the folders that are open, by name. */
  counts(): readonly (readonly [name: string, counts: FolderCounts])[]
  links(): {
    readonly open: number
    readonly opened: number
    readonly bytesIn: number
    readonly bytesOut: number
    readonly dialFailures: number
  }
  discovery(): DiscoveryReport
}

/**
 * The families of `/metrics` (docs/spec/cli.md, section 8). Nothing is counted for their sake: they show what is known
 * anyway. The only label that people choose is the name of a folder.
 */
export function daemonMetrics(given: MetricsSource): Metrics {
  const source = { ...given, status: oncePerScrape(() => given.status()) }
  // NOTE: the library's own process metrics wake the process a hundred times a second.
  const metrics = new Metrics({ processMetrics: false })
  addFolders(metrics, source)
  addCounts(metrics, source)
  addCaches(metrics, source)
  addLinks(metrics, source)
  addProcess(metrics)
  return metrics
}

/** All families are read in one go. */
function oncePerScrape<Value>(read: () => Value): () => Value {
  let known: { readonly value: Value } | undefined
  return () => {
    if (known === undefined) {
      known = { value: read() }
      queueMicrotask(() => {
        known = undefined
      })
    }
    return known.value
  }
}

function addFolders(metrics: Metrics, source: MetricsSource): void {
  metrics.readings('harp_sync_folders', 'Folders by state.', 'gauge', () => {
    const { folders } = source.status()
    return folderStates.map((state) => ({
      value: folders.filter((folder) => folder.state === state).length,
      labels: { state },
    }))
  })
  const each = (
    name: string,
    help: string,
    read: (folder: DeviceStatus['folders'][number]) => number,
  ): void =>
    metrics.readings(name, help, 'gauge', () =>
      source.status().folders.map((folder) => ({ value: read(folder), labels: { folder: folder.name } })),
    )
  each('harp_sync_folder_files', 'Files that the folder shows.', ({ files }) => files)
  each('harp_sync_folder_bytes', 'Bytes of these files.', ({ bytes }) => bytes)
  each('harp_sync_folder_need_files', 'Files that are not here yet.', ({ needFiles }) => needFiles)
  each('harp_sync_folder_need_bytes', 'Bytes that are not here yet.', ({ needBytes }) => needBytes)
  each('harp_sync_folder_errors', 'Problems as in harp status.', ({ errors }) => errors.length)
  each('harp_sync_folder_members', 'Other members.', ({ peers }) => peers.length)
  each('harp_sync_folder_connected', 'Other members that are connected.', ({ peers }) => {
    return peers.filter(({ connected }) => connected).length
  })
}

function addCounts(metrics: Metrics, source: MetricsSource): void {
  const each = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    read: (counts: FolderCounts) => readonly Reading[] | number,
  ): void =>
    metrics.readings(name, help, type, () =>
      source.counts().flatMap(([folder, counts]) => {
        const found = read(counts)
        const readings = typeof found === 'number' ? [{ value: found }] : found
        return readings.map(({ value, labels }) => ({ value, labels: { folder, ...labels } }))
      }),
    )
  each('harp_sync_log_entries', 'Entries of the history.', 'gauge', ({ entries }) => entries)
  each('harp_sync_watched_directories', 'Watched directories.', 'gauge', ({ watched }) => watched)
  each('harp_sync_chunk_received_bytes_total', 'Sealed chunks that came.', 'counter', (counts) => [
    { value: counts.near, labels: { from: 'near' } },
    { value: counts.received - counts.near, labels: { from: 'far' } },
  ])
  each('harp_sync_chunk_sent_bytes_total', 'Sealed chunks that went.', 'counter', ({ sent }) => sent)
  each('harp_sync_strikes_total', 'Times that a device broke the rules.', 'counter', ({ strikes }) => strikes)
  const kept = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    read: (upkeep: UpkeepCounters) => number | undefined,
  ): void =>
    each(name, help, type, ({ upkeep }) => {
      const value = upkeep === undefined ? undefined : read(upkeep)
      return value === undefined ? [] : [{ value }]
    })
  kept('harp_sync_scrubbed_bytes_total', 'Bytes that were read again.', 'counter', (upkeep) => {
    return upkeep.scrubbedBytes
  })
  kept('harp_sync_scrubbed_time_seconds', 'When all had been read again.', 'gauge', ({ scrubbedAt }) => {
    return scrubbedAt === undefined ? undefined : scrubbedAt / 1_000
  })
  kept('harp_sync_damaged_total', 'Chunks and files found damaged.', 'counter', ({ damaged }) => damaged)
  kept('harp_sync_damaged', 'Damaged now, and not healed.', 'gauge', ({ damagedNow }) => damagedNow)
  kept('harp_sync_healed_total', 'Damage that was put right.', 'counter', ({ healed }) => healed)
  kept('harp_sync_freed_bytes_total', 'Old content that was dropped.', 'counter', (upkeep) => {
    return upkeep.freedBytes
  })
  kept('harp_sync_held_for_others', 'Old versions that others still lack.', 'gauge', (upkeep) => {
    return upkeep.heldForOthers
  })
}

function addCaches(metrics: Metrics, source: MetricsSource): void {
  const each = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    read: (cache: NonNullable<DeviceStatus['folders'][number]['cache']>) => readonly Reading[],
  ): void =>
    metrics.readings(name, help, type, () =>
      source.status().folders.flatMap(({ name: folder, cache }) => {
        const readings = cache === null ? [] : read(cache)
        return readings.map(({ value, labels }) => ({ value, labels: { folder, ...labels } }))
      }),
    )
  each('harp_sync_cache_used_bytes', 'Bytes that the cache has.', 'gauge', (cache) => [
    { value: cache.usedBytes },
  ])
  each('harp_sync_cache_quota_bytes', 'Bytes that it may have.', 'gauge', (cache) => [
    { value: cache.quotaBytes },
  ])
  each('harp_sync_cache_chunks', 'Chunks that the cache has.', 'gauge', (cache) => [{ value: cache.chunks }])
  each('harp_sync_cache_asked_bytes_total', 'Asked for by others.', 'counter', (cache) => [
    { value: cache.hitBytes, labels: { outcome: 'hit' } },
    { value: cache.missBytes, labels: { outcome: 'miss' } },
  ])
  each('harp_sync_cache_evicted_bytes_total', 'Made room for others.', 'counter', (cache) => [
    { value: cache.evictedBytes },
  ])
}

function addLinks(metrics: Metrics, source: MetricsSource): void {
  metrics.gauge('harp_sync_links', 'Devices that are connected.', () => source.links().open)
  const counter = (name: string, help: string, read: () => readonly Reading[]): void =>
    metrics.readings(name, help, 'counter', read)
  counter('harp_sync_links_opened_total', 'Connections that were made.', () => [
    { value: source.links().opened },
  ])
  counter('harp_sync_link_bytes_total', 'Bytes of all connections.', () => {
    const { bytesIn, bytesOut } = source.links()
    return [
      { value: bytesIn, labels: { direction: 'in' } },
      { value: bytesOut, labels: { direction: 'out' } },
    ]
  })
  counter('harp_sync_dial_failures_total', 'Addresses that did not lead to a device.', () => [
    { value: source.links().dialFailures },
  ])
  counter('harp_sync_discovery_datagrams_total', 'To and from the local networks.', () => {
    const { sent, heard } = source.discovery()
    return [
      { value: heard, labels: { direction: 'in' } },
      { value: sent, labels: { direction: 'out' } },
    ]
  })
  metrics.gauge('harp_sync_discovery_ok', '1 if devices can be found, 0 if not or if it is off.', () => {
    const { isOn, problem } = source.discovery()
    return isOn && problem === undefined ? 1 : 0
  })
}

function addProcess(metrics: Metrics): void {
  metrics.gauge('harp_process_resident_memory_bytes', 'Memory.', () => process.memoryUsage.rss())
  metrics.readings('harp_process_cpu_seconds_total', 'Processor time.', 'counter', () => {
    const { user, system } = process.cpuUsage()
    return [{ value: (user + system) / 1e6 }]
  })
  metrics.gauge('harp_process_uptime_seconds', 'Since the start.', () => process.uptime())
}
