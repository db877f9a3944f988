/** A few lines at the end of a terminal that are drawn again in place; what is noted meanwhile stays above them. */
export interface Terminal {
  write(text: string): void
  size(): { readonly columns: number; readonly rows: number }
}

const up = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A`)
const clearToEnd = '\r\u001b[J'

export class LiveView {
  readonly #terminal: Terminal
  #shown: readonly string[] = []

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Draws nothing if nothing is new. Lines are cut so that none wraps, and the block fits the terminal. */
  show(lines: readonly string[]): void {
    const { columns, rows } = this.#terminal.size()
    const fitting = lines.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, Math.max(1, columns - 1)))
    if (fitting.join('\n') === this.#shown.join('\n')) return
    this.#terminal.write(`${this.#erase()}${toText(fitting)}`)
    this.#shown = fitting
  }

  /** A line that stays. */
  note(line: string): void {
    this.#terminal.write(`${this.#erase()}${line}\n${toText(this.#shown)}`)
  }

  /** The block stays as it was last. */
  end(): void {
    this.#shown = []
  }

  #erase(): string {
    return this.#shown.length === 0 ? '' : `${up(this.#shown.length)}${clearToEnd}`
  }
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Takes two places in a terminal. */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}！-｠]/u
const none = /\p{M}/u

function cut(line: string, columns: number): string {
  let text = ''
  let width = 0
  for (const character of line) {
    width += none.test(character) ? 0 : wide.test(character) ? 2 : 1
    if (width > columns) return text
    text += character
  }
  return text
}
