/** The tables over logs of growing size. */
import { micros, millis, perSecond, ratio, whole, type Table } from './report.ts'
import type { Cost, OpenedLog, ProofCost } from './sections/opened-log.ts'

/** The founding paper's times for a history of ten versions, from its own implementation on its own machine. */
const paper = { make: '24', verify: '31' } as const

export function sizeTables(logs: readonly OpenedLog[]): Table[] {
  return [foldTable(logs), openTable(logs), memoryTable(logs), ...proofTables(logs)]
}

function foldTable(logs: readonly OpenedLog[]): Table {
  return {
    title: 'Folding in order',
    head: ['entries', 'in memory, ops/s', 'CPU µs', 'from the store to the tree, entries/s', 'CPU µs'],
    rows: logs.map(({ entries, foldInMemory, open, fold }) => [
      whole(entries),
      perSecond(entries, foldInMemory.seconds),
      micros(foldInMemory.cpuSeconds / entries),
      perSecond(entries, open.seconds + fold.seconds),
      micros((open.cpuSeconds + fold.cpuSeconds) / entries),
    ]),
    notes: [
      'In memory: decoded and opened operations into an empty tree. From the store: read, decode, check hashes, open, order, Merkle log, tree.',
    ],
  }
}

function openTable(logs: readonly OpenedLog[]): Table {
  const each = (cost: Cost, entries: number): string => `${micros(cost.cpuSeconds / entries)}`
  return {
    title: 'Opening a store',
    head: [
      'entries',
      'open ms',
      'CPU µs each',
      'tree ms',
      'CPU µs each',
      'state map and statement ms',
      'CPU µs each',
      'SQLite alone ms',
    ],
    rows: logs.map(({ entries, open, fold, stateMap, rawRead }) => [
      whole(entries),
      millis(open.seconds),
      each(open, entries),
      millis(fold.seconds),
      each(fold, entries),
      millis(stateMap.seconds),
      each(stateMap, entries),
      millis(rawRead.seconds),
    ]),
  }
}

function memoryTable(logs: readonly OpenedLog[]): Table {
  return {
    title: 'Bytes per entry',
    head: [
      'entries',
      'in the log',
      'on disk',
      'disk / log',
      'resident, opened',
      'V8, opened',
      'resident, with tree and map',
      'V8, with tree and map',
    ],
    rows: logs.map(({ entries, recordBytes, fileBytes, opened, whole: all }) => [
      whole(entries),
      whole(recordBytes / entries),
      whole(fileBytes / entries),
      ratio(fileBytes / recordBytes),
      ...[opened.resident, opened.heap, all.resident, all.heap].map(whole),
    ]),
    notes: ['After garbage collection. In small logs most of the resident memory is code and spare heap.'],
  }
}

function proofTables(logs: readonly OpenedLog[]): Table[] {
  return (['sealed', 'revealed'] as const).map((kind) => ({
    title: `Proof of a file with 10 versions, ${kind}`,
    head: ['entries', 'bytes', 'make ms, median', 'p95', 'verify ms, median', 'p95'],
    rows: [
      ...logs.map(({ entries, proofs }) => [whole(entries), ...proofCells(proofs[kind])]),
      ['founding paper', '-', paper.make, '-', paper.verify, '-'],
    ],
  }))
}

function proofCells({ bytes, make, verify }: ProofCost): string[] {
  return [whole(bytes), ...[make.median, make.p95, verify.median, verify.p95].map((ms) => ms.toFixed(2))]
}
