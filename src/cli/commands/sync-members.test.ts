import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  deviceId,
  FakeApi,
  folderId,
  sampleMember,
  serveFake,
} from '../../../test/sync/support/fake-daemon.ts'
import { runCli, type CliRun } from '../../../test/sync/support/run-cli.ts'
import { openHome, type ControlServer } from '../../sync/index.ts'
import { revokeDevice } from './sync-members.ts'

let root: string
let api: FakeApi
let server: ControlServer

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'harp-cli-'))
  api = new FakeApi()
  const home = openHome({ HARP_HOME: join(root, 'home') })
  home.prepare()
  server = await serveFake(home.placeSocket(), api)
})
afterEach(() => {
  server.stop()
  rmSync(root, { recursive: true, force: true })
})

const harp = (...args: string[]): Promise<CliRun> => runCli(args, { HARP_HOME: join(root, 'home') })
const wordsOf = (text: string): string[][] => text.split('\n').map((line) => line.split(/ {2,}/))

describe('harp members', () => {
  test('shows a line for each, and below it what should be known', async () => {
    const out = { state: 'revoked', revokedBy: deviceId, revokedAt: sampleMember.since } as const
    api.memberInfos = [
      { ...sampleMember, name: 'nas', role: 'admin', self: true },
      { ...sampleMember, id: 'X', name: 'l\u001Bptop', connected: false, lastSeen: null, keep: null, ...out },
      { ...sampleMember, id: 'Y', name: 'clone', role: 'read', state: 'forked', fencedEntries: 2 },
    ]
    const { status, out: text } = await harp('members', 'Music')
    expect(status).toBe(0)
    const lines = wordsOf(text)
    expect(lines[0]).toEqual(['NAME', 'ROLE', 'KEEPS', 'LAST SEEN', 'SINCE', 'ID'])
    expect(lines[1]!.slice(0, 4)).toEqual(['nas', 'admin', 'all', 'this device'])
    expect(lines[2]!.slice(1, 4)).toEqual(['revoked (write)', '-', '-'])
    expect(lines[3]!.slice(0, 4)).toEqual(['clone', 'read (forked)', 'all', 'connected'])
    expect(text).toMatch(/was revoked by nas, \d{4}-\d\d-\d\d \d\d:\d\d\./)
    expect(text).toMatch(/clone has two histories/)
    expect(text).toMatch(/clone: 2 changes made after it was revoked/)
    expect(text).not.toContain('\u001B')
    expect(text).not.toContain('No admin is left')
  })

  test('says that no admin is left', async () => {
    expect((await harp('members', 'Music')).out).toContain('No admin is left')
  })

  test('as JSON, one value', async () => {
    const { out } = await harp('members', 'Music', '--json')
    expect(JSON.parse(out)).toEqual([sampleMember])
    expect(api.asked).toEqual([['members', { folder: 'Music' }]])
  })
})

describe('harp revoke', () => {
  test('with --yes does it, and says who heard of it', async () => {
    const { status, out } = await harp('revoke', 'Music', 'desktop', '--yes')
    expect(status).toBe(0)
    expect(out).toContain('desktop is revoked')
    expect(out).toContain('1 of 3 other members heard of it')
    expect(api.asked).toEqual([['revoke', { folder: 'Music', device: 'desktop' }]])
  })

  test('as JSON', async () => {
    const { out } = await harp('revoke', 'Music', 'desktop', '--yes', '--json')
    const answer = { folder: folderId, device: deviceId, name: 'desktop', told: 1, untold: 2, withdrawn: 0 }
    expect(JSON.parse(out)).toEqual(answer)
  })

  test.each([[[]], [['--json']]])('where nobody can be asked it wants --yes (%j)', async (more) => {
    const { status, out, err } = await harp('revoke', 'Music', 'desktop', ...more)
    expect([status, `${out}${err}`.includes('SYNC_USAGE')]).toEqual([2, true])
    expect(api.asked).toEqual([])
  })

  describe('in a terminal', () => {
    beforeEach(() => {
      vi.stubEnv('HARP_HOME', join(root, 'home'))
      vi.spyOn(console, 'log').mockReturnValue()
    })
    afterEach(() => {
      vi.unstubAllEnvs()
      vi.restoreAllMocks()
    })
    const asks = async (answer: boolean, device = 'desktop'): Promise<string[]> => {
      const asked: string[] = []
      await revokeDevice({ folder: 'Music', device }, async (question) => {
        asked.push(question)
        return answer
      })
      return asked
    }

    test('it asks, and a no is a no', async () => {
      await expect(asks(false)).rejects.toMatchObject({ code: 'SYNC_USAGE', message: 'nothing was revoked' })
      expect(api.asked.map(([method]) => method).toSorted()).toEqual(['members', 'trust'])
      expect(await asks(true)).toEqual([
        expect.stringMatching(/^desktop .* will read nothing .* Revoke it\?$/),
      ])
      expect(api.asked.at(-1)?.[0]).toBe('revoke')
    })

    test('it says which device is meant, however it was named', async () => {
      const bob = { ...sampleMember, name: 'bob', role: 'admin', state: 'member' } as const
      api.memberInfos = [bob, { ...sampleMember, id: 'ZZZZZZZ-ZZZZZZZ', name: 'eve', state: 'revoked' }]
      const short = bob.id.slice(0, 7)
      for (const named of ['bob', bob.id, bob.id.slice(0, 9).toLowerCase()]) {
        expect((await asks(true, named)).join('')).toMatch(new RegExp(`^bob \\(${short}, admin\\) will read`))
      }
      expect((await asks(true, 'eve')).join('')).toMatch(/^eve \(ZZZZZZZ, revoked already\) will read/)
      expect((await asks(true, 'somebody')).join('')).toMatch(/^somebody will read/)
    })

    test('it says what the authority is', async () => {
      api.trustInfo = { ...api.trustInfo, authority: deviceId }
      api.memberInfos = [
        { ...sampleMember, name: 'nas' },
        { ...sampleMember, id: 'ZZZZZZZ-ZZZZZZZ' },
      ]
      expect((await asks(true, 'nas')).join('')).toContain('nothing becomes final any more')
      expect((await asks(true, deviceId.slice(0, 7).toLowerCase())).join('')).toContain('authority')
      expect((await asks(true, 'desktop')).join('')).not.toContain('authority')
    })
  })
})

describe('harp join --quota', () => {
  test.each([
    ['200G', 200 * 2 ** 30],
    ['1.5t', 1.5 * 2 ** 40],
    ['1M', 2 ** 20],
    ['1048576', 2 ** 20],
  ])('%s', async (text, quota) => {
    expect((await harp('join', 'harp-x', '--quota', text)).status).toBe(0)
    expect(api.asked).toEqual([['join', { code: 'harp-x', quota }]])
  })

  test.each(['', '0', '1048575', '1023K', '-1G', '10X', 'all', '99999999T'])('%j is none', async (text) => {
    const { status, err } = await harp('join', 'harp-x', '--quota', text)
    expect([status, err.includes('--quota')]).toEqual([2, true])
    expect(api.asked).toEqual([])
  })
})
