/** Operations written durably, alone and in groups, beside SQLite that is given the same bytes in as many commits. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createDeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { EntryHash } from '../../../src/sync/ids.ts'
import { Replica, type ReplicaOptions } from '../../../src/sync/replica/replica.ts'
import type { LogStore } from '../../../src/sync/store/log-store.ts'
import { MemoryStore } from '../../../src/sync/store/memory-store.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { fixtureEnd, fixtureKeys, fixtureStart } from '../fixture/fixture-log.ts'
import { FolderScript } from '../fixture/folder-script.ts'
import { seededRandom } from '../fixture/seeded.ts'
import { micros, perSecond, ratio, type SectionReport } from '../report.ts'
import { Tally } from '../spent.ts'

export interface DurableWritesOptions {
  readonly directory: string
  /** A log of many entries, for writing on top of it; it is changed. */
  readonly largeLog: string
}

interface Plan {
  readonly name: string
  readonly group: number
  readonly operations: number
  readonly replica: Replica
  readonly raw: DatabaseSync | undefined
}

interface Measured {
  readonly name: string
  readonly operations: number
  readonly bytes: number
  readonly harp: Tally
  readonly raw: Tally
}

export function measureDurableWrites({ directory, largeLog }: DurableWritesOptions): SectionReport {
  const fresh = (name: string): Replica => foundIn(new SqliteStore(join(directory, `${name}.sqlite`)))
  const raw = (name: string): DatabaseSync => rawStore(join(directory, `${name}-raw.sqlite`))
  // The first one is for the compiler.
  writeInGroups({
    name: '',
    group: 100,
    operations: 2_000,
    replica: foundIn(new MemoryStore()),
    raw: undefined,
  })
  const measured = [
    { name: 'alone', group: 1, operations: 300, replica: fresh('alone'), raw: raw('alone') },
    {
      name: 'alone, into the large log',
      group: 1,
      operations: 300,
      replica: openLarge(largeLog),
      raw: raw('alone-large'),
    },
    {
      name: 'in groups of 100',
      group: 100,
      operations: 10_000,
      replica: fresh('hundred'),
      raw: raw('hundred'),
    },
    {
      name: 'in groups of 1,000',
      group: 1_000,
      operations: 10_000,
      replica: fresh('thousand'),
      raw: raw('thousand'),
    },
    {
      name: 'in groups of 1,000, memory only',
      group: 1_000,
      operations: 10_000,
      replica: foundIn(new MemoryStore()),
      raw: undefined,
    },
  ].map(writeInGroups)
  return {
    tables: [
      {
        title: 'Durable writes (SQLite, write-ahead log, synchronous FULL)',
        head: [
          'operations',
          'each second',
          'CPU µs each',
          'bytes each',
          'raw SQLite, each second',
          'time of raw’s',
        ],
        rows: measured.map(({ name, operations, bytes, harp, raw: peer }) => [
          name,
          perSecond(operations, harp.seconds),
          micros(harp.cpuSeconds / operations),
          (bytes / operations).toFixed(0),
          peer.runs === 0 ? '-' : perSecond(operations, peer.seconds),
          peer.runs === 0 ? '-' : ratio(harp.seconds / peer.seconds),
        ]),
        notes: [
          'Sealed, hashed, signed, taken into the log and the order, and committed; taking turns, raw SQLite commits the same bytes.',
        ],
      },
    ],
    values: { durableWrites: measured },
  }
}

function writeInGroups({ name, group, operations, replica, raw }: Plan): Measured {
  const [harp, peer] = [new Tally(), new Tally()]
  const script = new FolderScript('b', 2)
  let bytes = 0
  for (let done = 0; done < operations; done += group) {
    const changes = script.next(group)
    const before = replica.log.size
    const batches = harp.add(() => replica.write(changes, fixtureEnd + done))
    script.written(lastHashes(replica, before))
    for (const batch of batches) bytes += batch.length
    if (raw === undefined) continue
    peer.add(() => {
      raw.exec('BEGIN')
      for (const batch of batches) raw.prepare('INSERT INTO records (bytes) VALUES (?)').run(batch)
      raw.exec('COMMIT')
    })
  }
  raw?.close()
  return { name, operations, bytes, harp, raw: peer }
}

/** Of the entries that the last call wrote. */
function lastHashes({ order }: Replica, before: number): EntryHash[] {
  return order.slice(before).map(({ hash }) => hash)
}

function foundIn(store: LogStore): Replica {
  const random = seededRandom('writes')
  return Replica.found(
    { suite: nodeSuite, store, keys: createDeviceKeys(nodeSuite, random), random },
    { mode: 'peer' },
    fixtureStart,
  )
}

function openLarge(file: string): Replica {
  const options: ReplicaOptions = {
    suite: nodeSuite,
    store: new SqliteStore(file),
    keys: fixtureKeys('second'),
    random: seededRandom('large'),
  }
  return Replica.open(options)
}

function rawStore(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE records (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  `)
  return database
}
