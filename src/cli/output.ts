/** The only place that prints. Results go to standard output, what went wrong to standard error. */

export function printLine(text: string): void {
  console.log(text)
}

export function printError(text: string): void {
  console.error(text)
}

/** Bytes or text as they are, on standard output. */
export function printRaw(content: string | Uint8Array): void {
  process.stdout.write(content)
}

/** Of standard output; undefined where that is no terminal. */
export function terminalSize(): { readonly columns: number; readonly rows: number } | undefined {
  const { isTTY, columns, rows } = process.stdout
  // Some terminals say 0, and mean that they do not know.
  return isTTY ? { columns: columns || 80, rows: rows || 24 } : undefined
}

/** Rows with their columns aligned; the last column may be of any length. */
export function printTable(rows: readonly (readonly string[])[]): void {
  for (const line of alignColumns(rows)) console.log(line)
}

export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
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
