import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import { decodeInvitation, encodeInvitation } from '../../src/sync/link/invitation.ts'
import { Device, type Answer } from './support/device.ts'
import { append, read, write } from './support/files.ts'
import { folderName, newPlace } from './support/pair.ts'
import { snapshot } from './support/tree-snapshot.ts'

describe('letting others in', () => {
  const place = newPlace()
  let ann: Device
  let bob: Device
  let carol: Device
  let root: string

  beforeAll(async () => {
    const [one, two, three] = await Promise.all(
      ['ann', 'bob', 'carol'].map((name) => Device.start({ name, place })),
    )
    if (one === undefined || two === undefined || three === undefined) throw new RangeError('three devices')
    ;[ann, bob, carol] = [one, two, three]
    root = join(ann.place, folderName)
    write(root, 'a.txt', 'from ann')
    write(root, 'd/b.txt', 'from ann as well')
    await ann.api.call('addFolder', { path: root })
  })

  afterAll(async () => {
    await Promise.all([ann, bob, carol].map((device) => device.dispose()))
    rmSync(place, { recursive: true, force: true })
  })

  it('prints a code that one device can join by, and no other', async () => {
    const { code: exit, stdout } = await ann.cli('invite', folderName, '--role', 'read', '--expires', '1h')
    expect(exit).toBe(0)
    const code = stdout.trim().split('\n').at(-1) ?? ''
    expect(code).toMatch(/^harp-\S+$/)
    const joined = await bob.cli('join', code, join(bob.place, folderName), '--json')
    expect(joined.code).toBe(0)
    expect(joined.json).toMatchObject({ name: folderName, path: join(bob.place, folderName) })
    const replayed = await carol.cli('join', code, join(carol.place, folderName), '--json')
    expect([replayed.code, errorOf(replayed)]).toEqual([1, 'INVITATION_USED'])
    expect(() => statSync(join(carol.place, folderName, '.harp'))).toThrow('ENOENT')
    await bob.until(folderName, 'all files', ({ files, state }) => files === 2 && state === 'idle')
    expect(await bob.folder(folderName)).toMatchObject({ role: 'read' })
  })

  it('gives the role that the inviter chose, whatever a changed code says', async () => {
    const { code } = await ann.api.call('invite', { folder: folderName, role: 'read' })
    const invitation = decodeInvitation(nodeSuite, code, Date.now())
    const forged = encodeInvitation(nodeSuite, { ...invitation, role: 'admin' })
    const joined = await carol.cli('join', forged, join(carol.place, folderName), '--json')
    expect(joined.code).toBe(0)
    const { role } = await carol.until(folderName, 'a role', (status) => status.role !== null)
    expect(role).toBe('read')
    await carol.cli('folder', 'remove', folderName)
  })

  it('refuses what is no code, a damaged one, half of one, and one that has expired', async () => {
    const { code } = await ann.api.call('invite', { folder: folderName })
    const damaged = code.slice(0, 40) + (code[40] === 'a' ? 'b' : 'a') + code.slice(41)
    const expired = encodeInvitation(nodeSuite, {
      ...decodeInvitation(nodeSuite, code, Date.now()),
      expires: Math.floor(Date.now() / 1000) - 600,
    })
    const refusals = await Promise.all(
      ['hello', damaged, code.slice(0, 60), expired].map((text) =>
        carol.cli('join', text, join(carol.place, 'X'), '--json'),
      ),
    )
    expect(refusals.map(({ code: exit }) => exit)).toEqual([1, 1, 1, 1])
    expect(refusals.map((answer) => errorOf(answer))).toEqual([
      'INVITATION_MALFORMED',
      'INVITATION_DAMAGED',
      expect.stringMatching(/^INVITATION_(TRUNCATED|DAMAGED)$/) as unknown,
      'INVITATION_EXPIRED',
    ])
    expect(() => statSync(join(carol.place, 'X', '.harp'))).toThrow('ENOENT')
  })

  it('checks the expiry on its own side, not by what the code says, also after a restart', async () => {
    const { code } = await ann.api.call('invite', { folder: folderName })
    await ann.stop()
    const book = join(ann.home, 'invitations.json')
    const text = readFileSync(book, 'utf8')
    const past = text.replaceAll(/"expiresMs":\s*\d+/g, `"expiresMs":${Date.now() - 1_000}`)
    expect(past).not.toBe(text)
    writeFileSync(book, past)
    await ann.up()
    const answer = await carol.cli('join', code, join(carol.place, 'X'), '--json')
    expect([answer.code, errorOf(answer)]).toEqual([1, 'INVITATION_EXPIRED'])
  })

  it('lets nobody in while the inviter is away, and says so', async () => {
    const { code } = await ann.api.call('invite', { folder: folderName })
    await ann.stop()
    const answer = await carol.cli('join', code, join(carol.place, 'X'), '--json')
    expect([answer.code, errorOf(answer)]).toEqual([1, 'JOIN_UNREACHABLE'])
    await ann.up()
  })

  it('does not let a reader invite or write', async () => {
    const invited = await bob.cli('invite', folderName, '--json')
    expect([invited.code, errorOf(invited)]).toEqual([1, 'SYNC_NOT_ALLOWED'])
    const usage = await ann.cli('invite', folderName, '--role', 'boss', '--json')
    expect([usage.code, errorOf(usage)]).toEqual([2, 'SYNC_USAGE'])
  })

  it('reports what a reader changed, keeps it, and sends it to nobody', async () => {
    const theirs = join(bob.place, folderName)
    append(theirs, 'a.txt', ', changed by bob')
    write(theirs, 'new.txt', 'made by bob')
    await bob.scanned(folderName)
    await bob.untilError(folderName, 'FOLDER_READ_ONLY', 'a.txt')
    await bob.untilError(folderName, 'FOLDER_READ_ONLY', 'new.txt')
    write(root, 'later.txt', 'by ann')
    await expect.poll(() => 'later.txt' in snapshot(theirs), { timeout: 30_000 }).toBe(true)
    expect(read(theirs, 'a.txt')).toBe('from ann, changed by bob')
    expect(read(root, 'a.txt')).toBe('from ann')
    expect(snapshot(root)['new.txt']).toBeUndefined()
  })

  it('unites what is there already with the folder', async () => {
    const theirs = join(carol.place, 'mine')
    mkdirSync(theirs)
    write(theirs, 'd/b.txt', 'from ann as well')
    write(theirs, 'd/c.txt', "carol's own")
    const { code } = await ann.api.call('invite', { folder: folderName, role: 'write' })
    await carol.api.call('join', { code, path: theirs })
    await expect.poll(() => Object.keys(snapshot(root)), { timeout: 30_000 }).toContain('d/c.txt')
    await carol.until(folderName, 'idle with all', ({ files, state }) => files === 4 && state === 'idle')
    const versions = await carol.api.call('log', { path: join(theirs, 'd/b.txt') })
    expect(new Set(versions.map(({ size }) => size))).toEqual(new Set([16]))
    expect(snapshot(theirs)['d/b.txt']).toMatch(/^file 16 /)
  })

  it('stops syncing a folder that is removed, and keeps its files', async () => {
    const theirs = join(carol.place, 'mine')
    const removed = await carol.cli('folder', 'remove', folderName, '--json')
    expect(removed.code).toBe(0)
    write(root, 'after.txt', 'carol is gone')
    await expect
      .poll(() => 'after.txt' in snapshot(join(bob.place, folderName)), { timeout: 30_000 })
      .toBe(true)
    expect(Object.keys(snapshot(theirs))).toEqual(['a.txt', 'd', 'd/b.txt', 'd/c.txt', 'later.txt'])
    expect((await carol.status()).folders).toEqual([])
    const { code, json } = await carol.cli('folder', 'list', '--json')
    expect([code, json]).toEqual([0, []])
  })
})

function errorOf({ json }: Pick<Answer, 'json'>): string | undefined {
  return (json as { error?: { code: string } } | undefined)?.error?.code
}
