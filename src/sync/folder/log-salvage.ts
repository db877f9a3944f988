import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { recordTypes, type RecordType } from '../store/log-store.ts'

export interface Salvage {
  readonly records: Iterable<{ readonly type: RecordType; readonly bytes: Uint8Array }>
  /** Local facts that could be read. */
  readonly facts: ReadonlyMap<string, Uint8Array>
  close(): void
}

/** With so many in a row that cannot be read, what comes behind them is given up. */
const mostMissing = 10_000
const factNames = ['inviter', 'invited-role', 'invited-grant', 'presence', 'recovering'] as const

/** What can still be read of a damaged log, record by record. Each is verified by its checksum, and by who takes it. */
export function salvageLog(path: string): Salvage {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
  } catch {
    // Nothing can.
  }
  const end = last(database)
  function* records(): Iterable<{ readonly type: RecordType; readonly bytes: Uint8Array }> {
    let missing = 0
    for (let number = 0; number <= (end ?? Number.MAX_SAFE_INTEGER) && missing < mostMissing; number++) {
      const record = read(database, number)
      if (record !== undefined) yield record
      missing = record === undefined ? missing + 1 : 0
    }
  }
  const facts = new Map<string, Uint8Array>()
  for (const name of factNames) {
    const value = fact(database, name)
    if (value !== undefined) facts.set(name, value)
  }
  return { records: records(), facts, close: () => database?.close() }
}

function last(database: DatabaseSync | undefined): number | undefined {
  const row = attempt(() => database?.prepare('SELECT max(number) AS last FROM records').get())
  const number = row?.['last']
  return typeof number === 'number' ? number : undefined
}

function read(
  database: DatabaseSync | undefined,
  number: number,
): { readonly type: RecordType; readonly bytes: Uint8Array } | undefined {
  const text = 'SELECT type, checksum, bytes FROM records WHERE number = ?'
  const row = attempt(() => database?.prepare(text).get(number))
  const typeNumber = Number(row?.['type'])
  const type = recordTypes[typeNumber]
  const bytes = row?.['bytes']
  if (type === undefined || !(bytes instanceof Uint8Array)) return undefined
  return crc32(bytes, typeNumber) === row?.['checksum'] ? { type, bytes } : undefined
}

function fact(database: DatabaseSync | undefined, name: string): Uint8Array | undefined {
  const row = attempt(() => database?.prepare('SELECT value FROM facts WHERE name = ?').get(name))
  const value = row?.['value']
  return value instanceof Uint8Array ? value : undefined
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
