/** Runs rows outside of the test runner, a few at a time, each with its deadline. */
import { deadlineIn, within } from '../support/deadline.ts'
import { type Row, timeoutOf } from './row.ts'
import type { Scene } from './scene.ts'

export interface RowResult {
  readonly row: Row
  /** undefined: passed. */
  readonly failure: string | undefined
  readonly tookMs: number
}

export async function runRows(rows: readonly Row[], scene: Scene, concurrency: number): Promise<RowResult[]> {
  const results = new Map<Row, RowResult>()
  const waiting = [...rows]
  const work = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      results.set(row, await runRow(row, scene))
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return rows.flatMap((row) => results.get(row) ?? [])
}

/** One row with its deadline; a failure is the message and where it was thrown. */
export async function runRow(row: Row, scene: Scene): Promise<RowResult> {
  const startedAt = performance.now()
  const result = (failure: string | undefined): RowResult => ({
    row,
    failure,
    tookMs: performance.now() - startedAt,
  })
  try {
    await within(row.run(scene), deadlineIn(timeoutOf(row), `row ${row.row}`))
    return result(undefined)
  } catch (error) {
    return result(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}
