import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { SyncStory } from '../demo-sync/story.ts'
import type { StoryTeller } from '../demo-sync/story-teller.ts'
import { printLine, printTable } from '../output.ts'

export interface DemoSyncOptions {
  /** Leave the two stores and the proofs where they are. */
  readonly keep: boolean
}

/** `harp demo sync`: the story in a terminal. Leaves nothing behind unless it is told to. */
export function runDemoSync({ keep }: DemoSyncOptions): void {
  // The story takes about a second and does not listen meanwhile: an interruption waits until it has cleaned up.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {})
  const directory = mkdtempSync(join(tmpdir(), 'harp-demo-sync-'))
  try {
    printLine('Harp sync: one folder on two devices, no server, and proof of its history.')
    printLine('Real files and the network come later: here are names, versions and hashes.')
    new SyncStory(terminal, directory, Date.now()).run()
    printLine('')
    printLine(
      keep ? `Both stores and the proofs are in ${directory}` : 'Nothing stays behind (--keep keeps it).',
    )
  } finally {
    if (!keep) rmSync(directory, { recursive: true, force: true })
  }
}

const terminal: StoryTeller = {
  heading(text) {
    printLine('')
    // Plain where standard output is no terminal.
    printLine(styleText('bold', text))
  },
  line: printLine,
  table(rows) {
    printTable(
      rows
        .map((row) => ['  ', ...row])
        .map(([indent = '', first = '', ...rest]) => [indent + first, ...rest]),
    )
  },
}
