import { expect, test } from 'vitest'
import { LiveView } from './live-view.ts'

/** What stands on a terminal after all that was written: it knows the few sequences that the view uses. */
class Screen {
  lines: string[] = ['']
  writes = 0
  columns = 20
  rows = 5

  write(text: string): void {
    this.writes++
    for (const part of text.split(/(\u001b\[\d+A|\r\u001b\[J|\n)/)) {
      const up = /^\u001b\[(\d+)A$/.exec(part)
      if (up !== null) this.lines.length -= Number(up[1])
      else if (part === '\r\u001b[J') this.lines[this.lines.length - 1] = ''
      else if (part === '\n') this.lines.push('')
      else this.lines[this.lines.length - 1] += part
    }
  }

  size() {
    return { columns: this.columns, rows: this.rows }
  }
}

test('a block is drawn again in place, and what is noted stays above it', () => {
  const screen = new Screen()
  const view = new LiveView(screen)

  view.show(['one', 'two'])
  view.note('noted')
  view.show(['three'])
  expect(screen.lines).toEqual(['noted', 'three', ''])
  view.end()
  view.show(['later'])
  expect(screen.lines).toEqual(['noted', 'three', 'later', ''])
})

test('nothing is written while nothing is new', () => {
  const screen = new Screen()
  const view = new LiveView(screen)

  view.show(['one'])
  view.show(['one'])

  expect(screen.writes).toBe(1)
})

test('a block fits the terminal: no line wraps, also with wide characters', () => {
  const screen = new Screen()

  new LiveView(screen).show(['x'.repeat(50), '音楽'.repeat(20), 'c', 'd', 'e'])

  expect(screen.lines).toEqual(['x'.repeat(19), '音楽'.repeat(4) + '音', 'c', 'd', ''])
})
