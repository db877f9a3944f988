/** The only place that prints. Results go to standard output, what went wrong to standard error. */

export function printLine(text: string): void {
  console.log(text)
}

export function printError(text: string): void {
  console.error(text)
}

/** Rows with their columns aligned; the last column may be of any length. */
export function printTable(rows: readonly (readonly string[])[]): void {
  for (const line of alignColumns(rows)) console.log(line)
}

function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      cell.padEnd(column === row.length - 1 ? 0 : (widths[column] ?? 0)),
    )
    return cells.join('  ').trimEnd()
  })
}
