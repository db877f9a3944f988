/** `harp demo sync`, as a newcomer runs it: what it promises, read from what it prints. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import { parseDeviceText } from '../../src/sync/format/device-text.ts'
import { verifyHistory } from '../../src/sync/proof/verify-history.ts'
import { HarpProcess, type ProgramExit } from '../support/gateway-process.ts'

let place: string
let output: string
let chapters: string[]

async function demoSync(...options: string[]): Promise<ProgramExit> {
  const program = new HarpProcess(['demo', 'sync', ...options], { TMPDIR: place })
  try {
    return await program.waitForExit(25_000)
  } finally {
    await program.stop(1_000)
  }
}

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'harp-test-demo-'))
  const { code, stdout, stderr } = await demoSync()
  expect([code, stderr]).toEqual([0, ''])
  output = stdout
  chapters = output.split(/^(?=\d\. )/m)
})
afterAll(async () => {
  await rm(place, { recursive: true, force: true })
})

function chapter(number: number): string {
  return chapters.find((text) => text.startsWith(`${number}. `)) ?? ''
}

/** The two trees of a chapter, printed beside each other. */
function trees(text: string): [left: string[], right: string[]] {
  const rows = text.split('\n')
  const from = rows.findIndex((row) => row.includes('-----')) + 1
  const drawn = rows.slice(from, rows.indexOf('', from))
  const right = rows[from - 1]!.lastIndexOf(' ') + 1
  const column = (cut: (row: string) => string): string[] =>
    drawn.map((row) => cut(row).trimEnd()).filter((row) => row !== '')
  return [column((row) => row.slice(3, right)), column((row) => row.slice(right))]
}

test('it is readable in a terminal of 80 columns, and without colours when it goes elsewhere', () => {
  const lines = output.split('\n')

  expect(lines.filter((line) => line.length > 80)).toEqual([])
  expect(output).not.toContain('\u001b')
  expect(chapters.slice(1).map((text) => text.slice(0, 2))).toEqual([
    '1.',
    '2.',
    '3.',
    '4.',
    '5.',
    '6.',
    '7.',
  ])
})

test('while the cable is cut each shows its own tree, and afterwards both show the same', () => {
  const [cutLaptop, cutDesktop] = trees(chapter(2))
  const [laptop, desktop] = trees(chapter(3))
  const [, hash, otherHash] =
    /The same tree on both: ([0-9a-f]{16}) = ([0-9a-f]{16})\./.exec(chapter(3)) ?? []

  expect(cutLaptop).toEqual(['Trips/', '  Photos/', '    beach.jpg', '  map.txt', 'plan.txt'])
  expect(cutDesktop).toEqual([
    'Old/',
    '  draft.txt',
    '  idea.txt',
    'Photos/',
    '  Trips/',
    '    map.txt',
    '  beach.jpg',
    'plan.txt',
  ])
  expect(laptop).toEqual([
    'Old/',
    '  idea.txt',
    'Trips/',
    '  Photos/',
    '    beach.jpg',
    '  map.txt',
    'plan.txt   (2 versions at once)',
  ])
  expect(desktop).toEqual(laptop)
  expect(hash).toBe(otherHash)
  expect(hash).toBeDefined()
})

test('only what the other lacks travels', () => {
  const trips = [...output.matchAll(/ -> \w+ +(\d+) entr\w+ +(\d+) messages? +(\d+) bytes/g)]
  const entries = trips.map(([, count]) => Number(count))
  const bytes = trips.map(([, , , count]) => Number(count))

  expect(entries).toEqual([9, 0, 3, 3, 1, 0])
  expect(bytes[4]).toBeLessThan(bytes[0]! / 2)
})

test('both have one history, in which the later of the crosswise moves does nothing', () => {
  const rows = chapter(4)
    .split('\n')
    .filter((line) => /^ +\d+ /.test(line))

  expect(rows).toHaveLength(15)
  expect(rows[11]).toMatch(/laptop +moves Photos\/ into Trips\/ +concurrent/)
  expect(rows[12]).toMatch(/desktop +moves Trips\/ into Trips\/Photos\/ \(left out\) +concurrent/)
  expect(rows.filter((row) => row.endsWith('concurrent'))).toHaveLength(6)
})

test('both versions of the file are kept, one is shown, and the next save replaces both', () => {
  const [before, after] = chapter(5).split('Somebody reads both')
  const marks = (text = ''): string[] =>
    [...text.matchAll(/version \d +(\w+) .* {2}(\w.*)$/gm)].map(([, device, mark]) => `${device}: ${mark}`)

  expect(marks(before)).toEqual(['laptop: replaced', 'laptop: concurrent: kept beside it', 'desktop: shown'])
  expect(marks(after)).toEqual(['laptop: replaced', 'laptop: replaced', 'desktop: replaced', 'laptop: shown'])
  expect(output.match(/conflict/gi)).toEqual(['conflict'])
})

test('the proof names all versions without their names, and with them when they are revealed', () => {
  const [, sealed = '', revealed = ''] = chapter(6).split(/^(?=Sealed:|Revealed:)/m)

  expect(sealed).toMatch(/^\d+ bytes, made in \d+\.\d ms, checked in \d+\.\d ms\.$/m)
  expect(sealed.match(/^ {2}version \d/gm)).toHaveLength(4)
  expect(sealed).not.toContain('plan.txt')
  expect(revealed.match(/^ {2}version \d .* plan\.txt, \d+ bytes, hash [0-9a-f]{12}…$/gm)).toHaveLength(4)
  expect(revealed).toContain('A file that the reader holds is version 3, byte for byte.')
})

test('every forgery is refused with its reason', () => {
  const attempts = [...chapter(6).matchAll(/^ {2}(.+?) {2,}refused: (.+)$/gm)].map(([, what, why]) => [
    what,
    why,
  ])
  const [, refused, all] = /in turn: (\d+) of (\d+) refused/.exec(chapter(6)) ?? []

  expect(attempts).toEqual([
    ['one bit changed', 'not the versions that were signed'],
    ['version 2 left out', 'not the versions that were signed'],
    ['versions 2 and 3 swapped', 'not the versions that were signed'],
    ['reader knows only the laptop', 'signed by a device nobody told of'],
  ])
  expect(Number(all)).toBeGreaterThan(1_000)
  expect(refused).toBe(all)
  expect(output).not.toContain('ACCEPTED')
})

test('nothing stays behind', async () => {
  expect(await readdir(place)).toEqual([])
})

test('--keep says where the stores and proofs are, and anybody can check them with what was printed', async () => {
  const { code, stdout } = await demoSync('--keep')
  const [, directory = ''] = /are in (\S+)$/m.exec(stdout) ?? []
  const [, first = '', second = ''] = /folder +([0-9a-f]{32})\n +([0-9a-f]{32})\n/.exec(stdout) ?? []
  const devices = [...stdout.matchAll(/^ {2}(?:laptop|desktop) +((?:[A-Z2-7]{7}-?){8})$/gm)].map(
    ([, text = '']) => parseDeviceText(nodeSuite, text) ?? 'mistyped',
  )

  expect(code).toBe(0)
  expect(existsSync(join(directory, 'laptop.sqlite'))).toBe(true)
  expect(devices).toHaveLength(2)
  for (const name of ['history.proof', 'history-revealed.proof']) {
    const verified = verifyHistory(nodeSuite, await readFile(join(directory, name)), {
      folderId: first + second,
      devices,
    })
    expect(verified).toMatchObject({ final: false, nodes: [{ heads: [3] }] })
  }
})
