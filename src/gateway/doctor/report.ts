/** What `harp doctor` found, hop by hop, as a tree for people or as one JSON value for programs. */
import type { Check, CheckStatus } from './check.ts'

/** In the order in which a browser's request meets them. */
export type Hop =
  | 'configuration'
  | 'proxy'
  | 'gateway'
  | 'tunnels'
  | 'engines'
  | 'kubernetes'
  | 'nextcloud'
  | 'app'

export interface CheckGroup {
  readonly hop: Hop
  readonly title: string
  readonly checks: readonly Check[]
}

export interface Report {
  readonly groups: readonly CheckGroup[]
}

export function isHealthy(report: Report): boolean {
  return allChecks(report).every((check) => check.status !== 'fail')
}

export function formatReport(report: Report): readonly string[] {
  const lines: string[] = []
  for (const group of report.groups) {
    lines.push(group.title, ...group.checks.flatMap((check) => formatCheck(check)), '')
  }
  return [...lines, summary(report)]
}

export function reportToJson(report: Report): unknown {
  const checks = report.groups.flatMap(({ hop, checks: all }) => all.map((check) => ({ hop, ...check })))
  return { ok: isHealthy(report), checks }
}

const marks: Readonly<Record<CheckStatus, string>> = { ok: '✓', warn: '!', fail: '✗', skip: '-' }

function formatCheck({ name, status, detail, fix }: Check): string[] {
  const line = `  ${marks[status]} ${name}: ${detail}`
  return fix === null ? [line] : [line, `      → ${fix}`]
}

function summary(report: Report): string {
  const count = (status: CheckStatus): number =>
    allChecks(report).filter((check) => check.status === status).length
  const parts = [`${count('ok')} ok`]
  if (count('warn') > 0) parts.push(`${count('warn')} to look at`)
  if (count('skip') > 0) parts.push(`${count('skip')} not checked`)
  if (count('fail') === 0) return `All is well: ${parts.join(', ')}.`
  const broken = report.groups
    .filter((group) => group.checks.some((check) => check.status === 'fail'))
    .map((group) => group.title)
  return `${count('fail')} broken (${broken.join('; ')}), ${parts.join(', ')}.`
}

function allChecks(report: Report): readonly Check[] {
  return report.groups.flatMap((group) => group.checks)
}
