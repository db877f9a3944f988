import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SqliteStore } from '../../src/sync/store/sqlite-store.ts'

const script = join(import.meta.dirname, '../sync/support/store-child.ts')

let directory: string
let path: string
const children: ChildProcessByStdio<Writable, Readable, null>[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-store-'))
  path = join(directory, 'log.sqlite')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

interface Child {
  readonly process: ChildProcessByStdio<Writable, Readable, null>
  /** The next line it says; undefined when it has ended. */
  line(): Promise<string | undefined>
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
}

function start(command: string[], uid?: number): Child {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    ...(uid === undefined ? {} : { uid }),
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return { process: child, line: async () => (await lines.next()).value as string | undefined, gone }
}

const run = (what: string): string[] => [process.execPath, script, what, path]

describe('a SQLite store and other processes', () => {
  test('kill -9 at any time: exactly the commits are there, each whole', async () => {
    let before = 0
    for (let round = 0; round < 6; round++) {
      const child = start(run('fill'))
      expect(await child.line()).toBe(`open ${before}`)
      let said = before
      for (let commit = 0; commit <= round * 7; commit++) said = Number(await child.line())
      child.process.kill('SIGKILL')
      for (let line = await child.line(); line !== undefined; line = await child.line()) said = Number(line)
      await child.gone

      const store = new SqliteStore(path)
      const records = [...store.records()]
      // What was said is durable; the commit after it may have been finished and not yet said.
      expect([said, said + 3]).toContain(records.length)
      expect(new Uint32Array(store.fact('count')!.slice().buffer)[0]).toBe(records.length)
      for (const { number, bytes } of records) {
        expect(bytes.length).toBe(3_000)
        expect(bytes[0]).toBe(number % 251)
      }
      before = records.length
      store.close()
    }
    expect(before).toBeGreaterThan(100)
  })

  test('a second process is refused, and gets in when the first one is killed', async () => {
    const first = start(run('hold'))
    expect(await first.line()).toBe('open 0')
    expect(await start(run('open')).line()).toMatch(/^SYNC_STORE_LOCKED /)
    expect(() => new SqliteStore(path)).toThrow(expect.objectContaining({ code: 'SYNC_STORE_LOCKED' }))
    first.process.kill('SIGKILL')
    await first.gone
    expect(await start(run('open')).line()).toBe('open 0')
  })

  test('a file that may not grow: an error that says so, and what was committed is there', async () => {
    const limited = start(['sh', '-c', 'ulimit -f 512; exec "$0" "$@"', ...run('fill')])
    let last = ''
    let said = 0
    for (let line = await limited.line(); line !== undefined; line = await limited.line()) {
      last = line
      if (/^\d+$/.test(line)) said = Number(line)
    }
    expect(last).toMatch(/^SYNC_STORE_(?:IO|FULL) /)
    expect(said).toBeGreaterThan(0)
    const store = new SqliteStore(path)
    expect([...store.records()]).toHaveLength(said)
    store.close()
  })

  test('a directory that may not be written', async () => {
    chmodSync(directory, 0o555)
    const isRoot = process.getuid?.() === 0
    const line = await start(run('open'), isRoot ? 65_534 : undefined).line()
    chmodSync(directory, 0o755)
    expect(line).toMatch(/^SYNC_STORE_IO /)
    expect(line).toContain(path)
  })
})
