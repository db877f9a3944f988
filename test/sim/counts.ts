/** What happened, for the summary. */
export interface Counts {
  entries: number
  acts: number
  notAllowed: number
  partitions: number
  crashes: number
  rollBacks: number
  forks: number
  revocations: number
  joins: number
  snapshots: number
  statements: number
  proofs: number
  forgeries: number
  messages: number
  faults: number
  fenced: number
  keysHandedOut: number
}

export function noCounts(): Counts {
  return {
    entries: 0,
    acts: 0,
    notAllowed: 0,
    partitions: 0,
    crashes: 0,
    rollBacks: 0,
    forks: 0,
    revocations: 0,
    joins: 0,
    snapshots: 0,
    statements: 0,
    proofs: 0,
    forgeries: 0,
    messages: 0,
    faults: 0,
    fenced: 0,
    keysHandedOut: 0,
  }
}
