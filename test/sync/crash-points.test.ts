import { describe, expect, test } from 'vitest'
import { runDeliver } from '../../src/sync/disk/deliver-job.ts'
import type { FileSystem } from '../../src/sync/disk/file-system.ts'
import { fingerprintOf } from '../../src/sync/disk/file-system.ts'
import { runFill } from '../../src/sync/disk/fill-job.ts'
import { runFinish } from '../../src/sync/disk/finish-job.ts'
import { runPlace } from '../../src/sync/disk/place-job.ts'
import { runSettle } from '../../src/sync/disk/settle-job.ts'
import type { PutOutcome, Target } from '../../src/sync/work/job.ts'
import { namesIn, readFile, treeOf, writeFile } from './support/disk-files.ts'
import { ModelFileSystem } from './support/model-file-system.ts'
import { pieceOf, sealContent, testKeys, variedBytes } from './support/sealed-content.ts'

/**
 * I8: every prefix of the changes of one apply, as the end of the process leaves it and as losses of power may leave it.
 * Mutants of the file system show that the checks see what they are for.
 */
const path = '/folder/file'
const keepAt = '/.harp/kept/old'
const temporary = '/.harp/tmp/version'
const oldBytes = variedBytes(9_000, 1)
const content = sealContent(variedBytes(13_000, 2))
/** For each point; chances that must all fall one way need more of them. */
const losses = 15
const lossesOfMutants = 40

interface Scenario {
  readonly hasOld: boolean
  readonly keepsOld: boolean
  /** Promises that a power loss leaves old or new; and new, once it is done. */
  readonly isDurable: boolean
  run(fs: FileSystem, target: Target): PutOutcome
}

function makeWorld({ hasOld }: Scenario): ModelFileSystem {
  const fs = new ModelFileSystem()
  for (const directory of ['/.harp', '/.harp/tmp', '/.harp/kept', '/folder']) fs.makeDirectory(directory)
  writeFile(fs, '/folder/other', 'mine')
  writeFile(fs, '/.harp/kept/another', 'kept before')
  if (hasOld) writeFile(fs, path, oldBytes)
  fs.settle()
  return fs
}

function targetIn(fs: ModelFileSystem, keepsOld: boolean): Target {
  const there = fs.stat(path)
  return {
    path,
    expected: there === undefined ? 'nothing' : { print: fingerprintOf(there) },
    parentIno: fs.stat('/folder')!.ino,
    keepAt: keepsOld ? keepAt : undefined,
    mtimeMs: 1_500_000_000_000,
    exec: true,
  }
}

function deliver(fs: FileSystem, target: Target): PutOutcome {
  const { rows, sealed, hash, bytes } = content
  const file = {
    type: 'file',
    rows,
    sealed,
    sources: sealed.map(() => undefined),
    size: bytes.length,
    hash,
  } as const
  return runDeliver(fs, { keys: testKeys, files: [{ temporary, target, content: file }] }).files[0]!
}

function assemble(fs: FileSystem, target: Target, isDurable: boolean): PutOutcome {
  const { rows, sealed, bytes } = content
  const sources = sealed.map(() => undefined)
  const { missing } = runFill(fs, { path: temporary, keys: testKeys, rows, sources, isResumed: true })
  runPlace(fs, { path: temporary, keys: testKeys, pieces: missing.map((row) => pieceOf(content, row)) })
  return runFinish(fs, { temporary, size: bytes.length, hash: undefined, target, isDurable })
}

const same = (left: Uint8Array | undefined, right: Uint8Array) =>
  left !== undefined && Buffer.compare(left, right) === 0
const bytesAt = (fs: FileSystem, at: string) => (fs.stat(at) === undefined ? undefined : readFile(fs, at))

/** What is wrong with a disk that was found after a crash; empty: nothing. */
function wrongsOf(scenario: Scenario, fs: ModelFileSystem, isDone: boolean, isPowerLoss: boolean): string[] {
  const wrongs: string[] = []
  const now = bytesAt(fs, path)
  const kept = bytesAt(fs, keepAt)
  const isNew = same(now, content.bytes)
  const isOld = scenario.hasOld ? same(now, oldBytes) : now === undefined
  const mayBeTorn = isPowerLoss && !scenario.isDurable
  if (scenario.hasOld && now === undefined) wrongs.push('the path is absent')
  else if (!isNew && !isOld && !mayBeTorn) wrongs.push('the path has neither')
  if (kept !== undefined && !same(kept, oldBytes)) wrongs.push('what was kept is not whole')
  const isKept = scenario.keepsOld && same(kept, oldBytes)
  if (scenario.keepsOld && !isOld && !isKept && !mayBeTorn) wrongs.push('the old content is gone')
  if (isDone && !isNew && !mayBeTorn) wrongs.push('done, and not there')
  const others = treeOf(fs, '')
  if (others['/folder/other'] !== 'mine' || others['/.harp/kept/another'] !== 'kept before') {
    wrongs.push('something else was touched')
  }
  const names = namesIn(fs, '/folder').filter((name) => name !== 'file' && name !== 'other')
  if (names.length > 0) wrongs.push(`names in the folder: ${names.join()}`)
  return wrongs
}

/**
 * Whether what is found after a crash is brought to the new content by doing it again, as a restart does. Twice: the
 * temporary that a crash left may be a second name of what is in place, whose stat changes when it goes.
 */
function isRepaired(scenario: Scenario, fs: ModelFileSystem): boolean {
  for (let attempt = 0; attempt < 2; attempt++) {
    const now = bytesAt(fs, path)
    if (same(now, content.bytes)) return true
    // What is neither the version before nor this one is torn by us: not kept, and not taken for a user's edit.
    scenario.run(fs, targetIn(fs, scenario.keepsOld && same(now, oldBytes)))
  }
  return same(bytesAt(fs, path), content.bytes)
}

type Mutant = (fs: FileSystem) => Partial<FileSystem>

function mutated(fs: ModelFileSystem, mutant: Mutant | undefined): FileSystem {
  if (mutant === undefined) return fs
  const changed = new Map(Object.entries(mutant(fs)))
  return new Proxy(fs, {
    get(model, name) {
      const own = changed.get(String(name)) as unknown
      const value = own ?? (Reflect.get(model, name) as unknown)
      return typeof value === 'function' ? (value.bind(model) as unknown) : value
    },
  })
}

/** Stops after every number of changes, and looks. */
function violations(scenario: Scenario, mutant?: Mutant): { points: number; found: Set<string> } {
  const whole = makeWorld(scenario)
  whole.record()
  const target = targetIn(whole, scenario.keepsOld)
  const outcome = scenario.run(mutated(whole, mutant), target)
  const points = whole.operations.length
  const found = new Set<string>()
  if (outcome.state !== 'done') found.add(`undisturbed it is ${outcome.state}`)

  for (let point = 0; point <= points; point++) {
    const fs = makeWorld(scenario)
    fs.stopAfter(point)
    const isDone = scenario.run(mutated(fs, mutant), target).state === 'done'
    fs.kill()
    const look = (after: ModelFileSystem, isPowerLoss: boolean) => {
      const when = `after ${point} changes (${whole.operations[point - 1] ?? 'none'})`
      for (const wrong of wrongsOf(scenario, after, isDone, isPowerLoss)) found.add(`${when}: ${wrong}`)
      if (mutant === undefined && !isRepaired(scenario, after)) found.add(`${when}: not repaired`)
    }
    const end = mutant === undefined ? losses : lossesOfMutants
    for (let seed = 0; seed < end; seed++) look(fs.crash(point * 1_000 + seed), true)
    look(fs, false)
  }
  return { points, found }
}

const shapes = [
  { shape: 'a new file', hasOld: false, keepsOld: false },
  { shape: 'a file that replaces one', hasOld: true, keepsOld: false },
  { shape: 'a file that replaces one that is kept', hasOld: true, keepsOld: true },
]
const durable = (fs: FileSystem, target: Target) => assemble(fs, target, true)
const undurable = (fs: FileSystem, target: Target) => assemble(fs, target, false)
const ways = [
  { way: 'delivered', isDurable: false, run: deliver },
  { way: 'assembled and durable', isDurable: true, run: durable },
  { way: 'assembled, to be settled later', isDurable: false, run: undurable },
]

describe.each(shapes)('$shape survives a crash at every change', (shape) => {
  test.each(ways)('when it is $way', (way) => {
    const { points, found } = violations({ ...shape, ...way })
    expect([...found]).toEqual([])
    expect(points).toBeGreaterThanOrEqual(5)
  })
})

test('what was settled is new after any loss of power, and the old is kept', () => {
  const scenario = { hasOld: true, keepsOld: true, isDurable: false, run: deliver }
  const fs = makeWorld(scenario)
  expect(deliver(fs, targetIn(fs, true)).state).toBe('done')
  const directories = ['/folder', '/.harp/kept', '/.harp/tmp']
  expect(runSettle(fs, { files: [path], directories })).toEqual({ fault: undefined })
  for (let seed = 0; seed < 200; seed++) {
    const after = fs.crash(seed)
    expect(wrongsOf({ ...scenario, isDurable: true }, after, true, true)).toEqual([])
    expect(after.stat(path)).toMatchObject({ mtimeMs: 1_500_000_000_000, exec: true })
  }
})

describe('the enumerator finds a file system on which', () => {
  const replacing: Scenario = { hasOld: true, keepsOld: true, isDurable: true, run: durable }
  const mutants: [string, Mutant, RegExp][] = [
    ['contents are not synced', () => ({ sync: () => {} }), /neither/],
    ['names are not synced', () => ({ syncDirectory: () => {} }), /old content is gone/],
    [
      'a second name is made by renaming away',
      (fs) => ({ link: (from, to) => fs.rename(from, to) }),
      /the path is absent/,
    ],
    ['no second name is made', () => ({ link: () => {} }), /old content is gone/],
    [
      'a rename removes what it replaces first',
      (fs) => ({
        rename: (from, to) => {
          fs.unlink(to)
          fs.rename(from, to)
        },
      }),
      /the path is absent/,
    ],
  ]
  test.each(mutants)('%s', (_, mutant, wrong) => {
    const { found } = violations(replacing, mutant)
    expect([...found].filter((text) => wrong.test(text))).not.toEqual([])
  })
})
