/** The report as text: one table per workload, the memory, the goals. */
import type { BenchResults, WorkloadSamples } from '../bench-run.ts'
import { pairedRatio, spread, type Spread } from '../statistics.ts'
import { bodyBytes, type Workload } from '../workloads.ts'
import { costs, costUnits, rates } from './costs.ts'
import type { Goal } from './goals.ts'

/** A column per plain proxy: what a target costs, of what that one costs. */
const references = ['nginx', 'haproxy'] as const

export function formatResults(results: BenchResults, goals: readonly Goal[]): string {
  const sections = [...results.samples].map(([workload, samples]) => formatWorkload(workload, samples))
  if (results.memory.size > 0) sections.push(formatMemory(results))
  if (goals.length > 0) sections.push(formatGoals(goals))
  return sections.join('\n\n')
}

function formatWorkload(workload: Workload, byTarget: WorkloadSamples): string {
  const unit = costUnits[workload.unit]
  const present = references.filter((name) => byTarget.has(name))
  const rows = [['', unit.rate, unit.cost, ...present.map((name) => `CPU of ${name}'s`), 'problems']]
  for (const [name, samples] of byTarget) {
    const cost = costs(samples)
    const problems = samples.reduce((sum, each) => sum + (each === null ? 1 : each.problems), 0)
    rows.push([
      name,
      formatSpread(spread(rates(samples)), 0),
      formatSpread(spread(scaled(cost, unit.scale)), 1),
      ...present.map((reference) =>
        name === reference ? '1' : formatSpread(pairedRatio(cost, costs(byTarget.get(reference) ?? [])), 2),
      ),
      problems === 0 ? '-' : String(problems),
    ])
  }
  const note = workload.kind === 'http' ? ` (${bodyBytes} bytes)` : ''
  return `${workload.title}${note}  [${workload.name}]\n${formatTable(rows)}`
}

function scaled(values: readonly (number | null)[], scale: number): number[] {
  return values.flatMap((value) => (value === null ? [] : [value * scale]))
}

function formatMemory(results: BenchResults): string {
  const rows = [['', 'sockets', 'KiB/socket', 'after one echo each', 'MiB before', 'MiB after']]
  for (const [name, sample] of results.memory) {
    const each = (kib: number): string => ((kib - sample.kibBefore) / sample.sockets).toFixed(1)
    rows.push([
      name,
      String(sample.sockets),
      each(sample.kibAfter),
      each(sample.kibAfterEcho),
      (sample.kibBefore / 1_024).toFixed(1),
      (sample.kibAfter / 1_024).toFixed(1),
    ])
  }
  return `Memory of idle WebSockets, fresh process (proportional set size, without the kernel's socket memory)  [websocket-idle]\n${formatTable(rows)}`
}

function formatGoals(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => [
    goal.text,
    goal.value.toFixed(2),
    goal.limit,
    goal.isReached ? 'reached' : 'missed',
  ])
  return `Goals\n${formatTable([['', 'measured', 'goal', ''], ...rows])}`
}

function formatSpread(value: Spread | null, digits: number): string {
  if (value === null) return 'not measured'
  const text = (each: number): string => each.toFixed(digits)
  return value.min === value.max
    ? text(value.median)
    : `${text(value.median)} (${text(value.min)}-${text(value.max)})`
}

function formatTable(rows: readonly (readonly string[])[]): string {
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
