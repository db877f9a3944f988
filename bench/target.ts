/** A gateway, proxy or chain of them under test: where it listens, and which processes pay. */
export interface Target {
  readonly name: string
  readonly host: string
  readonly port: number
  /** In the order in which the client's bytes pass them. */
  readonly pids: readonly number[]
  /** What it is, for the head of the report. */
  readonly description: string
  /** Why it cannot be measured any more, else null. */
  readonly failure: string | null
  /** Before each measurement, and not a part of it. */
  readonly prepare?: () => Promise<void>
  stop(): Promise<void>
}

/** Starts one with fresh processes; the memory of idle WebSockets wants that. */
export interface Peer<Started extends Target = Target> {
  readonly name: string
  start(): Promise<Started>
}
