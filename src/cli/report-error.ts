import { errorCode, errorMessage, HarpError } from '../base/errors.ts'
import { printable } from '../base/printable.ts'
import { printError, printLine } from './output.ts'

/** What scripts tell outcomes apart by (docs/spec/cli.md, section 1). Every other error is 1. */
const exitStatus: Readonly<Record<string, number>> = { SYNC_USAGE: 2, SYNC_NO_TRUST: 2, SYNC_NOT_RUNNING: 3 }

export const usageStatus = 2

export interface OutputOptions {
  readonly json?: boolean | undefined
}

/** Runs a command of sync: what it throws is printed in one of the two forms, and is the exit status. */
export async function answering(options: OutputOptions, act: () => Promise<void> | void): Promise<void> {
  try {
    await act()
  } catch (error) {
    reportError(error, options.json === true)
  }
}

export function reportError(error: unknown, isJson: boolean): void {
  const { code, message, fix, more } = describe(error)
  process.exitCode = exitStatus[code] ?? 1
  if (isJson) {
    printLine(JSON.stringify({ error: { code, message, fix, ...more } }))
    return
  }
  const line = `${printable(message)}${fix === '' ? '' : `. Fix: ${printable(fix)}`}`
  printError(`ERROR: ${line} [${code}]`)
}

interface Description {
  readonly code: string
  readonly message: string
  readonly fix: string
  readonly more: object
}

function describe(error: unknown): Description {
  if (error instanceof HarpError) {
    const { code, message, fix = '' } = error
    return { code, message, fix, more: error instanceof DetailedError ? error.details : {} }
  }
  return { code: errorCode(error), message: errorMessage(error), fix: '', more: {} }
}

/** With more fields for programs. */
export class DetailedError extends HarpError {
  readonly details: Readonly<Record<string, string>>

  constructor(code: string, message: string, fix: string, details: Readonly<Record<string, string>>) {
    super(code, message, { fix })
    this.details = details
  }
}
