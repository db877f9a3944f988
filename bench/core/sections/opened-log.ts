/** A log of so many entries, opened from disk in a process of its own: time, memory, the fold, and proofs from it. */
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import { verifyHistory } from '../../../src/sync/proof/verify-history.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { Tree } from '../../../src/sync/tree/tree.ts'
import { fixtureEnd, fixtureKeys } from '../fixture/fixture-log.ts'
import { historyFiles, historyNode, versionsOfHistory } from '../fixture/folder-script.ts'
import { seededRandom } from '../fixture/seeded.ts'
import { latencies, memoryInUse, spend, type Latency, type Spent } from '../spent.ts'

export interface OpenedLog {
  readonly entries: number
  readonly fileBytes: number
  readonly recordBytes: number
  /** SQLite alone, reading the same records. */
  readonly rawRead: Cost
  readonly open: Cost
  readonly fold: Cost
  readonly foldInMemory: Cost
  readonly stateMap: Cost
  readonly opened: Memory
  readonly whole: Memory
  readonly proofs: { readonly sealed: ProofCost; readonly revealed: ProofCost }
}

export interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
}

/** Bytes for each entry. */
export interface Memory {
  readonly resident: number
  readonly heap: number
}

export interface ProofCost {
  readonly bytes: number
  readonly make: Latency
  readonly verify: Latency
}

export function measureOpenedLog(file: string): OpenedLog {
  const fileBytes = statSync(file).size
  const { recordBytes, cost: rawRead } = readRaw(file)
  const before = memoryInUse()
  const store = new SqliteStore(file)
  const options = { suite: nodeSuite, store, keys: fixtureKeys('second'), random: seededRandom('opened') }
  const open = spend(() => Replica.open(options))
  const replica = open.result
  const entries = replica.log.size
  const opened = since(before, entries)
  const fold = spend(() => replica.view.list(replica.view.root()))
  const stateMap = spend(() => replica.sign(fixtureEnd))
  const whole = since(before, entries)
  const foldInMemory = spend(() => foldAgain(replica))
  const proofs = { sealed: measureProofs(replica, 'none'), revealed: measureProofs(replica, 'all') }
  store.close()
  return {
    entries,
    fileBytes,
    recordBytes,
    rawRead,
    open: costOf(open),
    fold: costOf(fold),
    foldInMemory: costOf(foldInMemory),
    stateMap: costOf(stateMap),
    opened,
    whole,
    proofs,
  }
}

function readRaw(file: string): { recordBytes: number; cost: Cost } {
  const database = new DatabaseSync(file, { readOnly: true })
  let recordBytes = 0
  const spent = spend(() => {
    for (const row of database.prepare('SELECT bytes FROM records ORDER BY number').iterate()) {
      recordBytes += (row['bytes'] as Uint8Array).length
    }
  })
  database.close()
  return { recordBytes, cost: costOf(spent) }
}

function foldAgain(replica: Replica): void {
  const { log, order } = replica
  const tree = new Tree<LogEntry>((later, earlier) => log.observes(later, earlier))
  for (const entry of order) tree.apply(entry, entry.operation)
}

function measureProofs(replica: Replica, reveal: 'none' | 'all'): ProofCost {
  const files = historyFiles(replica.log.size)
  const requests = Array.from({ length: files }, (_, index) => ({ nodes: [historyNode(index)], reveal }))
  const proofs: Uint8Array[] = []
  const make = latencies(
    requests.map((request) => () => proofs.push(replica.proveHistory(request, fixtureEnd))),
  )
  const trust = { folderId: replica.folderId, devices: [replica.deviceId] }
  const verify = latencies(
    proofs.map((proof) => () => {
      const result = verifyHistory(nodeSuite, proof, trust)
      const versions = result.refused === undefined ? (result.nodes[0]?.versions.length ?? 0) : 0
      const isWhole = versions === versionsOfHistory
      if (!isWhole) throw new Error(`a proof of ${versions} versions: ${result.refused}`)
    }),
  )
  const bytes = proofs.reduce((sum, { length }) => sum + length, 0) / proofs.length
  return { bytes, make, verify }
}

function since(before: Memory, entries: number): Memory {
  const now = memoryInUse()
  return { resident: (now.resident - before.resident) / entries, heap: (now.heap - before.heap) / entries }
}

function costOf({ seconds, cpuSeconds }: Spent<unknown>): Cost {
  return { seconds, cpuSeconds }
}
