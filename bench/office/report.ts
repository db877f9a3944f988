/** The report: tables in Markdown, or as JSON with these beside it. */
import { describeMachine, loadAverage } from '../report/machine.ts'
import type { CacheUse } from './cache.ts'
import type { IdleCost } from './idle.ts'
import type { OfficeBenchOptions } from './options.ts'
import type { ScrubCost } from './scrub.ts'
import type { FromSources } from './sources.ts'

export interface Findings {
  readonly sources: readonly FromSources[] | null
  readonly cache: CacheUse | null
  readonly scrub: ScrubCost | null
  readonly idle: IdleCost | null
  readonly loadAtStart: string
}

export async function printReport(options: OfficeBenchOptions, findings: Findings): Promise<void> {
  const { sources, cache, scrub, idle, loadAtStart } = findings
  const machine = await describeMachine(new Map())
  const loadAtEnd = loadAverage()
  const parts = [
    `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}; load average at the start ${loadAtStart}, at the end ${loadAtEnd}; folders in ${options.directory}. All devices share these cores.`,
    ...(sources === null ? [] : [formatSources(sources, options.sizeMiB)]),
    ...(cache === null ? [] : [formatCache(cache)]),
    ...(scrub === null ? [] : [formatScrub(scrub)]),
    ...(idle === null ? [] : [formatIdle(idle)]),
  ]
  const text = parts.join('\n\n')
  if (!options.json) {
    console.log(text)
    return
  }
  console.error(text)
  console.log(JSON.stringify({ machine, loadAtEnd, ...findings }, null, 2))
}

function formatSources(found: readonly FromSources[], sizeMiB: number): string {
  const rows = found.map((each) => [
    String(each.sources),
    each.limit === '' ? 'none' : `${each.limit}/s`,
    each.seconds.toFixed(1),
    (each.megabytes / each.seconds).toFixed(1),
    each.receiverCpu.toFixed(1),
    each.senderCpu.toFixed(1),
    each.shares.map((share) => share.toFixed(0)).join(' + '),
  ])
  const head = [
    'sources',
    'limit of each',
    'seconds',
    'MB/s',
    'CPU s, receiver',
    'CPU s, sources',
    '% by each',
  ]
  return `**One file of ${sizeMiB} MiB from several devices of the LAN**\n\n${markdown([head, ...rows])}`
}

function formatCache(found: CacheUse): string {
  const { files, reads, quotaBytes } = found
  const rows = [
    ['answered by the cache, % of bytes', found.hitPercent.toFixed(1)],
    ['if the most read quarter were always there', found.bestPercent.toFixed(1)],
    ['if the last read quarter were there', found.recentPercent.toFixed(1)],
    ['bytes over the slow line, for each byte read', found.lineShare.toFixed(3)],
    ['CPU of the cache, s', found.cacheCpu.toFixed(1)],
    ['used of its quota, %', ((100 * found.usedBytes) / quotaBytes).toFixed(1)],
  ]
  const title = `**A cache with room for a quarter of ${files} files of 1 MB; ${reads} reads, the n-th file as often as 1/n; second half**`
  return `${title}\n\n${markdown([['', ''], ...rows])}`
}

function formatScrub(found: ScrubCost): string {
  const rows = [
    ['read again, MB', (found.bytes / 1e6).toFixed(0)],
    ['CPU s for each GB', found.cpuPerGigabyte.toFixed(2)],
    ['seconds, a step of 1 MiB each second at most', found.seconds.toFixed(0)],
    ['CPU % of one core at the default, 1 TB in 30 days', found.percentOfTerabyte.toFixed(3)],
    ['CPU % of one core without it', found.idlePercent.toFixed(2)],
  ]
  return `**Reading everything again in search of damage**\n\n${markdown([['', ''], ...rows])}`
}

function formatIdle({ files, seconds, devices }: IdleCost): string {
  const rows = devices.map((each) => [
    each.name,
    each.cpuPercent.toFixed(2),
    each.receivedPerSecond.toFixed(0),
    each.sentPerSecond.toFixed(0),
    each.mib.toFixed(0),
  ])
  const head = ['', 'CPU % of one core', 'received B/s', 'sent B/s', 'MiB']
  const title = `**${devices.length} devices with ${files} files at rest, ${seconds} s; bytes on the LAN with all headers**`
  return `${title}\n\n${markdown([head, ...rows])}`
}

function markdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
