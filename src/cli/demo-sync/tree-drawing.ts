import type { LogEntry, Shown, TreeView } from '../../sync/index.ts'

/** What a device shows, a line for each file and directory. */
export function drawTree(view: TreeView<LogEntry>): string[] {
  const lines: string[] = []
  const draw = (items: readonly Shown<LogEntry>[], indent: string): void => {
    for (const shown of items) {
      if (shown.kind === 'directory') {
        lines.push(`${indent}${shown.name}/`)
        draw(view.list(shown.nodes), `${indent}  `)
      } else {
        lines.push(`${indent}${shown.name}${concurrencyNote(shown.concurrent.length)}`)
      }
    }
  }
  draw(view.list(view.root()), '')
  return lines
}

export interface Column {
  readonly title: string
  readonly lines: readonly string[]
}

/** Two trees beside each other, in 80 columns. */
export function sideBySide(left: Column, right: Column): string[] {
  const rows = [
    [left.title, right.title],
    ['-'.repeat(columnWidth - 3), '-'.repeat(columnWidth - 3)],
  ]
  const height = Math.max(left.lines.length, right.lines.length)
  for (let row = 0; row < height; row++) rows.push([left.lines[row] ?? '', right.lines[row] ?? ''])
  return rows.map(([first = '', second = '']) => `   ${first.padEnd(columnWidth)}${second}`.trimEnd())
}

const columnWidth = 37

function concurrencyNote(others: number): string {
  return others === 0 ? '' : `   (${others + 1} versions at once)`
}
