/**
 * One error class for the whole project. `code` is the stable name that callers, logs and docs/errors.md
 * use; `fix` tells the operator what to do; `retryable` says that the same call may succeed later.
 * Match on `code`, never on the message.
 */
export interface HarpErrorOptions {
  readonly cause?: unknown
  readonly fix?: string
  readonly retryable?: boolean
}

export class HarpError extends Error {
  override readonly name: string = 'HarpError'
  readonly code: string
  readonly fix: string | undefined
  readonly retryable: boolean

  constructor(code: string, message: string, options: HarpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fix = options.fix
    this.retryable = options.retryable ?? false
  }
}

/** What a catalogue of error codes says of each; docs/errors.md is generated from these tables. */
export interface ErrorEntry {
  readonly summary: string
  readonly fix: string
}

/** The `code` of any thrown value: ours, a system call's (`ECONNREFUSED`), or `UNKNOWN`. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'UNKNOWN'
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
