import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { Daemons } from '../support/daemons.ts'
import type { RealDaemon } from '../support/real-daemon.ts'
import { seededBytes } from '../support/seeded-bytes.ts'

const daemons = new Daemons()

afterEach(() => daemons.end())

const files = 40
const isIdle = (each: RealDaemon): boolean => each.status().state === 'idle' && each.status().needFiles === 0
const errors = (each: RealDaemon): string[] => each.status().errors.map(({ code }) => code)
const isForked = (each: RealDaemon): boolean => each.logLines.some((line) => line.includes('fork'))

/** What a disk may do to a file that it keeps. */
const damages: readonly (readonly [string, (path: string) => void])[] = [
  ['has another head', (path) => overwrite(path, 0, 100)],
  ['has garbage in its pages', (path) => overwrite(path, 4_096, statSync(path).size - 4_096)],
  ['is cut off', (path) => truncateSync(path, Math.floor(statSync(path).size / 8_192) * 4_096 + 100)],
  ['is empty', (path) => writeFileSync(path, '')],
  ['is gone', (path) => rmSync(path)],
]

function overwrite(path: string, offset: number, length: number): void {
  const bytes = readFileSync(path)
  bytes.set(seededBytes(path)(Math.max(0, length)).subarray(0, bytes.length - offset), offset)
  writeFileSync(path, bytes)
}

/** All in the file itself, and nothing beside it. */
function settle(path: string): void {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

async function pairWithFiles(): Promise<readonly [RealDaemon, RealDaemon]> {
  const [anna, ben] = await daemons.pair()
  for (let number = 0; number < files; number++) anna.write(`d${number % 5}/f${number}`, `content ${number}`)
  await ben.until('the files', () => ben.tree().length === files + 5 && isIdle(ben))
  await anna.until('rest', () => isIdle(anna))
  return [anna, ben]
}

/** Both devices are as if nothing had happened, and go on. */
async function works(anna: RealDaemon, ben: RealDaemon): Promise<void> {
  await ben.until('a link', () => ben.status().peers.some(({ connected }) => connected))
  await ben.until('rest', () => isIdle(ben) && ben.status().files === files, 30_000)
  for (const each of [anna, ben]) {
    expect(each.tree().length).toBe(files + 5)
    expect(await each.api.deleted({ folder: 'Folder' })).toEqual([])
    for (const number of [0, 7, files - 1]) {
      expect(await each.api.log({ path: join(each.root, `d${number % 5}/f${number}`) })).toHaveLength(1)
    }
  }
  ben.write('from ben', 'ben')
  await anna.untilReads('from ben', 'ben')
  anna.write('d0/f0', 'edited')
  await ben.untilReads('d0/f0', 'edited')
  for (const each of [anna, ben]) await each.until('rest', () => isIdle(each))
  const [audit] = await ben.api.audit({ repair: true })
  expect(audit?.findings).toEqual([])
  expect([anna, ben].map(isForked)).toEqual([false, false])
}

const stores = ['items.sqlite', 'chunks.sqlite', 'log.sqlite']

async function damaged(names: readonly string[], damage: (path: string) => void): Promise<RealDaemon> {
  const [anna, ben] = await pairWithFiles()
  await ben.stop()
  for (const name of names) {
    const path = join(ben.store, name)
    settle(path)
    damage(path)
  }
  await ben.start()
  await works(anna, ben)
  return ben
}

test.each(damages)(
  'stores of which each %s are made anew, and nothing is lost or sent twice',
  async (_, damage) => {
    const ben = await damaged(stores, damage)
    expect(ben.status().state).toBe('idle')
  },
  60_000,
)

test.each(stores)(
  '%s alone is made anew, and set aside',
  async (name) => {
    const ben = await damaged([name], damages[1]![1])
    expect(existsSync(join(ben.store, `${name}.damaged`))).toBe(true)
    expect(errors(ben)).toContain('FOLDER_STORE_REPAIRED')
  },
  60_000,
)

test('garbage in what SQLite keeps beside a database is no loss of files', async () => {
  const [anna, ben] = await pairWithFiles()
  await ben.stop()
  for (const name of stores) {
    writeFileSync(join(ben.store, `${name}-wal`), seededBytes(name)(100_000))
  }
  await ben.start()
  await works(anna, ben)
  expect(ben.status().files).toBe(files + 1)
}, 60_000)

test('a log that lost its last entries does not take back what their author did', async () => {
  const [anna, ben] = await pairWithFiles()
  await ben.stop()
  const log = join(ben.store, 'log.sqlite')
  settle(log)
  copyFileSync(log, join(ben.base, 'older'))
  await ben.start()
  await ben.until('rest', () => isIdle(ben))
  await anna.api.pause({ folder: 'Folder' })
  ben.write('d1/f1', 'of ben')
  ben.write('new', 'of ben')
  await ben.until('it to be written', async () => {
    return isIdle(ben) && (await ben.api.log({ path: join(ben.root, 'd1/f1') })).length === 2
  })
  await ben.stop()
  for (const end of ['', '-wal', '-shm']) rmSync(`${log}${end}`, { force: true })
  copyFileSync(join(ben.base, 'older'), log)
  await ben.start()
  await ben.until('rest', () => isIdle(ben))
  expect([ben.read('d1/f1'), ben.read('new')]).toEqual(['of ben', 'of ben'])
  await anna.api.resume({ folder: 'Folder' })
  await anna.untilReads('d1/f1', 'of ben')
  await anna.untilReads('new', 'of ben')
  expect([anna, ben].map(isForked)).toEqual([false, false])
}, 60_000)

test('the damaged log of a single device goes on with what can be read, and says what cannot be had', async () => {
  const anna = await (await daemons.start('Anna')).founds()
  for (let number = 0; number < files; number++) anna.write(`f${number}`, `content ${number}`)
  await anna.until('the files', () => anna.status().files === files && isIdle(anna))
  await anna.stop()
  const log = join(anna.store, 'log.sqlite')
  settle(log)
  const database = new DatabaseSync(log)
  database.exec(
    'UPDATE records SET bytes = zeroblob(length(bytes)) WHERE number = (SELECT max(number) FROM records)',
  )
  database.close()
  await anna.start()
  await anna.until('rest', () => isIdle(anna))
  expect(errors(anna)).toContain('FOLDER_STORE_REPAIRED')
  expect(anna.tree().length).toBe(files)
  await anna.stop()
  settle(log)
  overwrite(log, 0, statSync(log).size)
  await anna.start()
  expect(anna.status().state).toBe('blocked')
  expect(errors(anna)).toContain('FOLDER_LOG_DAMAGED')
  expect(anna.tree().length).toBe(files)
  await anna.api.remove({ folder: 'Folder' })
  await anna.founds()
  await anna.until('the files', () => anna.status().files === files && isIdle(anna))
}, 60_000)
