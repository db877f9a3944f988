import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { Replica } from '../replica/replica.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import { isRecovering, setRecovering } from './log-recovery.ts'
import { openLog, type OpenLogParts } from './open-log.ts'

let directory: string
let path: string
let parts: OpenLogParts
let size: number
const device = new ReplicaDevice()

/** A log of one device, which nobody else has. */
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-log-'))
  path = join(directory, 'log.sqlite')
  const { suite, keys, random } = device.options
  const store = new SqliteStore(path)
  const replica = Replica.found({ suite, keys, random, store }, { mode: 'peer' }, device.tick())
  for (let count = 0; count < 5; count++) replica.rekey(device.tick())
  replica.commit()
  size = replica.log.size
  const { folderId } = replica
  store.close()
  const now = device.now
  parts = { suite, keys, random, folderId, directory, isSuspect: false, now, onRecovered: () => undefined }
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

test.each(['before anything was written', 'after a part of it'])(
  'a log is read to its end though the process died while it was: %s',
  (when) => {
    renameSync(path, `${path}.damaged`)
    const begun = new SqliteStore(path)
    if (when === 'after a part of it') {
      setRecovering(begun, true)
      begun.setFact('salvaging', Uint8Array.of(1))
      begun.commit()
    }
    begun.close()
    const { store, replica } = openLog(parts)
    expect([replica.log.size, isRecovering(store)]).toEqual([size, true])
    store.close()
    const again = openLog(parts)
    expect(again.replica.log.size).toBe(size)
    again.store.close()
  },
)
