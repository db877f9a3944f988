import type { ApplyIntent, Item } from '../items/item.ts'
import type { Findings } from './findings.ts'
import type { IgnoreRules } from './ignore-rules.ts'
import type { LogWriter } from './log-writer.ts'
import type { RacyItems } from './racy-items.ts'
import type { ShownDirectories } from './shown-directories.ts'
import type { UpParts } from './up-parts.ts'

/** What the parts of one scan share. */
export interface ScanRun {
  readonly parts: UpParts
  readonly findings: Findings
  readonly rules: IgnoreRules
  readonly racy: RacyItems
  readonly writer: LogWriter
  readonly shown: ShownDirectories
  /** Versions that this device may have put in place without being able to say so, by `intentKey`. */
  readonly intents: ReadonlyMap<string, ApplyIntent>
  /** The system went down since the last scan, and with it what was not lasting of files and items. */
  readonly isAfterBoot: boolean
  readonly signal: AbortSignal
}

export function intentKey(parent: number, name: string): string {
  return `${parent}/${name}`
}

/** Operations in one write to the log. */
export const operationsAtOnce = 1_024

/** For people: relative to the folder. */
export function pathOf({ parts }: ScanRun, parent: number, name: string): string {
  return [...(parts.items.path(parent) ?? []), name].join('/')
}

/** Says that a change stays on this device. */
export function reportReadOnly(run: ScanRun, parent: number, name: string): void {
  const path = pathOf(run, parent, name)
  run.findings.problem(
    'FOLDER_READ_ONLY',
    path,
    `this device may not write to the folder: ${path} was changed here`,
  )
}

/** With the chunks that were in the files below it. */
export function removeItem(parts: UpParts, item: Item): void {
  const waiting = [item]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.kind === 'directory') waiting.push(...parts.items.children(next.id))
    else parts.chunks.removeFile(next.id)
  }
  parts.items.remove(item.id)
}
