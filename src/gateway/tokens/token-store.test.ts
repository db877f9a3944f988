import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { tokenFilePath } from './token-file.ts'
import type { TokenGrant } from './token-record.ts'
import { TokenStore, type TokenStoreOptions } from './token-store.ts'

let stateDir = ''
let now = Date.UTC(2026, 0, 1)
const clock = { monotonic: () => 0, wall: () => now }
const foo = { kind: 'app', name: 'foo', port: null } as const
const gpu = { kind: 'engine', name: 'gpu-1', port: 24_001 } as const

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'harp-tokens-'))
  now = Date.UTC(2026, 0, 1)
})
afterEach(() => {
  rmSync(stateDir, { recursive: true, force: true })
})

async function open(options: Partial<TokenStoreOptions> = {}): Promise<TokenStore> {
  const store = new TokenStore({ stateDir, clock, log: silentLogger, ...options })
  await store.load()
  return store
}

function path(): string {
  return tokenFilePath(stateDir)
}

function onDisk(): string {
  return readFileSync(path(), 'utf8')
}

test('a token is for what it was made for, has 192 random bits, and tells which kind it is', async () => {
  const store = await open()

  const app = await store.add(foo)
  const engine = await store.add(gpu)

  expect(app.text.reveal()).toMatch(/^harp_app_[A-Za-z0-9_-]{32}$/)
  expect(engine.text.reveal()).toMatch(/^harp_engine_[A-Za-z0-9_-]{32}$/)
  expect(store.verify(app.text.reveal())).toEqual({ id: app.entry.id, ...foo })
  expect(store.verify(engine.text.reveal())).toEqual({ id: engine.entry.id, ...gpu })
})

test('what is not exactly a token of ours is none', async () => {
  const store = await open()
  const text = (await store.add(foo)).text.reveal()
  const otherEnd = text.endsWith('A') ? 'B' : 'A'

  for (const wrong of [
    '',
    'foo',
    text.slice(0, -1),
    `${text.slice(0, -1)}${otherEnd}`,
    `${text} `,
    `${text}\n`,
    text.toUpperCase(),
    text.replace('_app_', '_engine_'),
    'x'.repeat(10_000_000),
  ]) {
    expect(store.verify(wrong)).toBeNull()
  }
  expect(store.verify(text)).not.toBeNull()
})

test('tokens survive a restart; the disk has their hashes only, for the owner alone', async () => {
  const before = process.umask(0)
  try {
    const made = await (await open()).add(foo)

    const again = await open()

    expect(again.verify(made.text.reveal())).toEqual({ id: made.entry.id, ...foo })
    expect(again.list()).toEqual([made.entry])
    expect(onDisk()).not.toContain(made.text.reveal().slice('harp_app_'.length))
    expect(statSync(path()).mode & 0o777).toBe(0o600)
  } finally {
    process.umask(before)
  }
})

test('neither an entry nor a printed token shows the text', async () => {
  const store = await open()
  const made = await store.add(foo)

  expect(JSON.stringify([store.list(), made])).not.toContain(made.text.reveal())
  expect(JSON.stringify(store.list())).not.toContain('hash')
})

test('a revoked token is refused at once and after a restart, and its tunnels are told', async () => {
  const store = await open()
  const [first, second] = [await store.add(foo), await store.add(foo)]
  const told: TokenGrant[] = []
  store.onRevoke((grant) => told.push(grant))

  const revoking = store.revoke(first.entry.id)

  expect(told).toEqual([{ id: first.entry.id, ...foo }])
  expect(store.verify(first.text.reveal())).toBeNull()
  expect(await revoking).toEqual(first.entry)
  const again = await open()
  expect(again.verify(first.text.reveal())).toBeNull()
  expect(again.verify(second.text.reveal())).not.toBeNull()
})

test('revoking what is not there tells nobody and gives null', async () => {
  const store = await open()
  const told = vi.fn<() => void>()
  store.onRevoke(told)

  expect(await store.revoke('00000000')).toBeNull()
  expect(await store.revoke('constructor')).toBeNull()
  expect(told).not.toHaveBeenCalled()
})

test('a listener that fails keeps neither the others nor the disk from knowing', async () => {
  const store = await open()
  const made = await store.add(foo)
  const told = vi.fn<() => void>()
  store.onRevoke(() => {
    throw new Error('broken')
  })
  const forget = store.onRevoke(() => told())
  const unheard = store.onRevoke(() => expect.unreachable())
  unheard()

  await store.revoke(made.entry.id)

  expect(told).toHaveBeenCalledTimes(1)
  expect((await open()).list()).toEqual([])
  forget()
})

test('many changes at the same time all reach the disk', async () => {
  const store = await open()

  const made = await Promise.all(Array.from({ length: 50 }, () => store.add(foo)))
  await Promise.all(made.slice(0, 25).map(({ entry }) => store.revoke(entry.id)))

  const again = await open()
  expect(again.list().map(({ id }) => id)).toEqual(made.slice(25).map(({ entry }) => entry.id))
})

test('there is a limit, and room again after revoking', async () => {
  const store = await open({ maxTokens: 2 })
  const [first] = [await store.add(foo), await store.add(gpu)]

  await expect(store.add(foo)).rejects.toMatchObject({ code: 'TOKENS_FULL' })

  await store.revoke(first.entry.id)
  await store.add(foo)
  expect(store.list()).toHaveLength(2)
})

test('the last use is seen at once and reaches the disk later, together with the others', async () => {
  const store = await open({ saveUseMs: 30 })
  const made = await store.add(foo)
  const written = onDisk()
  now += 5_000

  store.recordUse(made.entry.id, '192.0.2.7')
  store.recordUse('00000000', '192.0.2.8')

  const used = { lastUsedAt: '2026-01-01T00:00:05.000Z', lastPeer: '192.0.2.7' }
  expect(store.list()).toMatchObject([used])
  expect(onDisk()).toBe(written)
  await vi.waitFor(async () => expect((await open()).list()).toMatchObject([used]))
})

test('closing writes the last use', async () => {
  const store = await open()
  const made = await store.add(foo)
  store.recordUse(made.entry.id, '192.0.2.7')

  await store.close()

  expect((await open()).list()).toMatchObject([{ lastPeer: '192.0.2.7' }])
})

test('a crash while writing leaves the old tokens, and what it left is replaced', async () => {
  const made = await (await open()).add(foo)
  writeFileSync(`${path()}.tmp`, onDisk().slice(0, 40))

  const store = await open()

  expect(store.list()).toEqual([made.entry])
  await store.add(gpu)
  expect((await open()).list()).toHaveLength(2)
  expect(readdirSync(stateDir)).toEqual(['tokens.json'])
})

test('a link that somebody put in the way is not followed', async () => {
  const victim = join(stateDir, 'victim')
  writeFileSync(victim, 'precious')
  symlinkSync(victim, `${path()}.tmp`)

  await (await open()).add(foo)

  expect(readFileSync(victim, 'utf8')).toBe('precious')
})

test('a disk that takes no writes: no token is made, and the old ones stay', async () => {
  const store = await open()
  const old = await store.add(foo)
  mkdirSync(`${path()}.tmp`)

  await expect(store.add(gpu)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' })

  expect(store.list()).toEqual([old.entry])
  rmSync(`${path()}.tmp`, { recursive: true })
  await store.add(gpu)
  expect((await open()).list()).toHaveLength(2)
})

test('a disk that takes no writes: a revoked token is refused, and written once that works again', async () => {
  const store = await open()
  const old = await store.add(foo)
  mkdirSync(`${path()}.tmp`)

  await expect(store.revoke(old.entry.id)).rejects.toMatchObject({
    code: 'STATE_DIR_UNUSABLE',
    message: expect.stringContaining('comes back'),
  })

  expect(store.verify(old.text.reveal())).toBeNull()
  rmSync(`${path()}.tmp`, { recursive: true })
  await store.close()
  expect((await open()).list()).toEqual([])
})

async function damagedFiles(): Promise<readonly (readonly [string, string])[]> {
  const store = await open()
  await store.add(foo)
  await store.add(gpu)
  const good = onDisk()
  const value = JSON.parse(good) as { tokens: Record<string, unknown>[] }
  const [first = {}, second = {}] = value.tokens
  const withTokens = (...tokens: unknown[]): string => JSON.stringify({ ...value, tokens })
  return [
    ['empty', ''],
    ['cut', good.slice(0, -20)],
    ['not JSON', 'harp_app_notes'],
    ['another file', '{"tokens":[]}'],
    ['of a newer version', JSON.stringify({ ...value, version: 2, tokens: {} })],
    ['with a field of a newer version', withTokens({ ...first, scope: 'all' })],
    ['with a broken hash', withTokens({ ...first, hash: 'abc' })],
    ['with a token twice', withTokens(first, first)],
    ['with an id twice', withTokens(first, { ...second, id: first['id'] })],
  ]
}

test('a file that cannot be understood is named, never changed, and lets nobody in', async () => {
  for (const [what, text] of await damagedFiles()) {
    writeFileSync(path(), text)

    const store = await open()

    expect([what, isUsable(store)]).toEqual([what, false])
    const problem = { code: 'TOKENS_UNUSABLE', message: expect.stringContaining(path()) }
    expect(() => store.list()).toThrow(expect.objectContaining(problem))
    await expect(store.add(foo)).rejects.toMatchObject(problem)
    await expect(store.revoke('00000000')).rejects.toMatchObject(problem)
    await store.close()
    expect(onDisk()).toBe(text)
  }
})

test('a directory in place of the file, or a file that is too large, is no reason to crash', async () => {
  mkdirSync(path())
  expect(isUsable(await open())).toBe(false)

  rmSync(path(), { recursive: true })
  writeFileSync(path(), ' '.repeat(9 * 1_048_576))
  expect(isUsable(await open())).toBe(false)
})

test('before it is loaded nothing is accepted or made', async () => {
  await (await open()).add(foo)
  const store = new TokenStore({ stateDir, clock, log: silentLogger })

  expect(isUsable(store)).toBe(false)
  await expect(store.add(foo)).rejects.toMatchObject({ code: 'TOKENS_UNUSABLE' })
  await store.close()
  expect((await open()).list()).toHaveLength(1)
})

test('the mode of an older file is corrected with the next write', async () => {
  await (await open()).add(foo)
  chmodSync(path(), 0o644)

  await (await open()).add(gpu)

  expect(statSync(path()).mode & 0o777).toBe(0o600)
})

/** Operators get at the tokens. */
function isUsable(store: TokenStore): boolean {
  try {
    return store.list().length >= 0
  } catch {
    return false
  }
}
