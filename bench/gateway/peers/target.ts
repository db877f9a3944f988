/** A gateway or proxy under test: where it listens, and which processes pay. */
export interface Target {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly pids: readonly number[]
  /** What it is, for the head of the report. */
  readonly description: string
  /** Why it cannot be measured any more, else null. */
  readonly failure: string | null
  stop(): Promise<void>
}

/** Starts one with fresh processes; the memory workload wants that. */
export interface Peer {
  readonly name: string
  start(): Promise<Target>
}

/** What stands behind every target. */
export interface Backstage {
  readonly directory: string
  readonly fixedPort: number
  readonly streamPort: number
  readonly nextcloudPort: number
  readonly key: string
  readonly maxConnections: number
}
