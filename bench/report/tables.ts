/** The report as text: one table per workload, the goals. */
import type { RoundSamples, WorkloadSamples } from '../rounds.ts'
import { pairedRatio, spread, type Spread } from '../statistics.ts'
import { bodyBytes, type Workload } from '../workload.ts'
import { costs, costsByProcess, costUnits, rates, type Cost } from './costs.ts'
import type { Goal } from './goal.ts'

/** `references`: a column for each of these targets, with what the others cost, of what that one costs. */
export function formatWorkloads(samples: RoundSamples, references: readonly string[]): string[] {
  return [...samples].map(([workload, byTarget]) => formatWorkload(workload, byTarget, references))
}

function formatWorkload(
  workload: Workload,
  byTarget: WorkloadSamples,
  references: readonly string[],
): string {
  const unit = costUnits[workload.unit]
  const present = references.filter((name) => byTarget.has(name))
  const hasParts = [...byTarget.values()].some((samples) => costsByProcess(samples).length > 0)
  const partsHead = hasParts ? ['by process'] : []
  const rows = [
    ['', unit.rate, unit.cost, ...partsHead, ...present.map((name) => `CPU of ${name}'s`), 'problems'],
  ]
  for (const [name, samples] of byTarget) {
    const cost = costs(samples)
    const problems = samples.reduce((sum, each) => sum + (each === null ? 1 : each.problems), 0)
    const parts = costsByProcess(samples).map(
      (each) => spread(scaled(each, unit.scale))?.median.toFixed(1) ?? '-',
    )
    rows.push([
      name,
      formatSpread(spread(rates(samples)), 0),
      formatSpread(spread(scaled(cost, unit.scale)), 1),
      ...(hasParts ? [parts.join(' + ')] : []),
      ...present.map((reference) =>
        name === reference ? '1' : formatSpread(pairedRatio(cost, costs(byTarget.get(reference) ?? [])), 2),
      ),
      problems === 0 ? '-' : String(problems),
    ])
  }
  const note = workload.kind === 'http' ? ` (${bodyBytes} bytes)` : ''
  return `${workload.title}${note}  [${workload.name}]\n${formatTable(rows)}`
}

function scaled(values: readonly Cost[], scale: number): number[] {
  return values.flatMap((value) => (value === null ? [] : [value * scale]))
}

export function formatGoals(goals: readonly Goal[]): string[] {
  if (goals.length === 0) return []
  const rows = goals.map((goal) => [
    goal.text,
    goal.value.toFixed(2),
    goal.limit,
    goal.isReached ? 'reached' : 'missed',
  ])
  return [`Goals\n${formatTable([['', 'measured', 'goal', ''], ...rows])}`]
}

function formatSpread(value: Spread | null, digits: number): string {
  if (value === null) return 'not measured'
  const text = (each: number): string => each.toFixed(digits)
  return value.min === value.max
    ? text(value.median)
    : `${text(value.median)} (${text(value.min)}-${text(value.max)})`
}

export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n')
}
