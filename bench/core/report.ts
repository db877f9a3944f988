/** What a section has to say, and how it is written down. */

export interface Table {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes?: readonly string[]
}

export interface SectionReport {
  readonly tables: readonly Table[]
  /** For JSON. */
  readonly values: Readonly<Record<string, unknown>>
}

export function formatMarkdown({ title, head, rows, notes = [] }: Table): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${widths
      .map((width, column) =>
        column === 0 ? (cells[column] ?? '').padEnd(width) : (cells[column] ?? '').padStart(width),
      )
      .join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [
    `### ${title}`,
    '',
    line(head),
    rule,
    ...rows.map(line),
    ...notes.flatMap((note) => ['', note]),
  ].join('\n')
}

export function perSecond(count: number, seconds: number): string {
  return count / seconds >= 100 ? whole(count / seconds) : (count / seconds).toFixed(1)
}

/** `12 345` */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ' ')
}

export function micros(seconds: number): string {
  return (seconds * 1e6).toFixed(1)
}

export function millis(seconds: number): string {
  return seconds < 0.01 ? (seconds * 1e3).toFixed(2) : whole(seconds * 1e3)
}

export function ratio(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1)
}
