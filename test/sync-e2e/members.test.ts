import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MemberInfo } from '../../src/sync/device/daemon-api.ts'
import { Device, type Answer } from './support/device.ts'
import { read, write } from './support/files.ts'
import { folderName, newPlace } from './support/pair.ts'
import { snapshot } from './support/tree-snapshot.ts'

/** One story: who lets whom in and takes whom out, who is away meanwhile, and what each of them sees of it. */
describe('members of a folder', () => {
  const place = newPlace()
  let ann: Device
  let bob: Device
  let carol: Device
  let dave: Device
  let erin: Device

  beforeAll(async () => {
    const names = ['ann', 'bob', 'carol', 'dave', 'erin']
    const all = names.map((name) => new Device({ name, place }))
    await Promise.all(all.map((device) => device.init()))
    const [one, two, three, four, five] = all
    if (!one || !two || !three || !four || !five) throw new RangeError('five devices')
    ;[ann, bob, carol, dave, erin] = [one, two, three, four, five]
    await Promise.all([ann, bob, carol].map((device) => device.up()))
    write(rootOf(ann), 'a.txt', 'from ann')
    await ann.api.call('addFolder', { path: rootOf(ann) })
    await letIn(ann, bob, 'admin')
    await letIn(ann, carol, 'write')
    await untilMet(ann, bob, carol)
  })

  afterAll(async () => {
    await Promise.all([ann, bob, carol, dave, erin].map((device) => device.dispose()))
    rmSync(place, { recursive: true, force: true })
  })

  const rootOf = (device: Device): string => join(device.place, folderName)

  async function letIn(admin: Device, device: Device, role: 'admin' | 'write' | 'read'): Promise<void> {
    const { stdout } = await admin.cli('invite', folderName, '--role', role)
    const joined = await device.cli('join', stdout.trim().split('\n').at(-1) ?? '', rootOf(device), '--json')
    expect(joined).toMatchObject({ code: 0 })
    await device.until(folderName, 'the folder', ({ state, files }) => state === 'idle' && files > 0)
  }

  /** Each has a link with each. */
  async function untilMet(...devices: Device[]): Promise<void> {
    for (const device of devices) {
      const others = devices.filter((other) => other !== device)
      await device.until(folderName, `links of ${device.name}`, ({ peers }) =>
        others.every((other) => peers.some(({ name, connected }) => connected && name === other.name)),
      )
    }
  }

  async function untilShown(device: Device, path: string): Promise<void> {
    await expect.poll(() => path in snapshot(rootOf(device)), { timeout: 40_000 }).toBe(true)
  }

  async function membersAt(device: Device): Promise<Record<string, MemberInfo>> {
    const { json } = await device.cli('members', folderName, '--json')
    return Object.fromEntries((json as MemberInfo[]).map((member) => [member.name, member]))
  }

  it('lists them, for people and for programs', async () => {
    const all = await membersAt(ann)
    const { id } = all['ann']!
    expect(all['ann']).toMatchObject({ role: 'admin', state: 'member', self: true, grantedBy: null })
    expect(all['bob']).toMatchObject({ role: 'admin', state: 'member', connected: true, grantedBy: id })
    expect(all['carol']).toMatchObject({ role: 'write', state: 'member', fencedEntries: 0, revokedBy: null })
    const { stdout } = await ann.cli('members', folderName)
    expect(stdout).toMatch(/^ann +admin .*this device/m)
    expect(stdout).toMatch(/^carol +write .*connected/m)
  })

  it('are let in by any admin, while the one who began the folder is away', async () => {
    await ann.stop()
    await dave.up()
    await letIn(bob, dave, 'write')
    write(rootOf(dave), 'd.txt', 'from dave')
    await untilShown(bob, 'd.txt')
    await untilShown(carol, 'd.txt')
    await ann.up()
    await untilShown(ann, 'd.txt')
    await untilMet(ann, dave)
    const all = await membersAt(ann)
    expect(all['dave']).toMatchObject({ role: 'write', state: 'member', grantedBy: all['bob']!.id })
    write(rootOf(ann), 'after.txt', 'for dave')
    await untilShown(dave, 'after.txt')
  })

  it('are taken out by one command, which wants to be meant', async () => {
    const unsure = await ann.cli('revoke', folderName, 'dave', '--json')
    expect([unsure.code, errorOf(unsure)]).toEqual([2, 'SYNC_USAGE'])
    const notAllowed = await carol.cli('revoke', folderName, 'dave', '--yes', '--json')
    expect([notAllowed.code, errorOf(notAllowed)]).toEqual([1, 'SYNC_NOT_ALLOWED'])
    const itself = await ann.cli('revoke', folderName, 'ann', '--yes', '--json')
    expect([itself.code, errorOf(itself)]).toEqual([1, 'SYNC_REVOKE_SELF'])
    const revoked = await ann.cli('revoke', folderName, 'dave', '--yes', '--json')
    expect(revoked.code).toBe(0)
    expect(revoked.json).toMatchObject({ name: 'dave', told: 2, untold: 0 })
    await dave.untilError(folderName, 'FOLDER_REVOKED')
    write(rootOf(ann), 'secret.txt', 'not for dave')
    write(rootOf(dave), 'mine.txt', 'by dave alone')
    await untilShown(carol, 'secret.txt')
    await dave.stop()
    await dave.up()
    await dave.untilError(folderName, 'FOLDER_REVOKED')
    const shown = Object.keys(snapshot(rootOf(dave)))
    expect(shown).toEqual(expect.arrayContaining(['a.txt', 'after.txt', 'd.txt', 'mine.txt']) as unknown)
    expect(shown).not.toContain('secret.txt')
    expect(Object.keys(snapshot(rootOf(ann)))).not.toContain('mine.txt')
  })

  it('come back by an invitation, with what they have', async () => {
    const { code } = await bob.api.call('invite', { folder: folderName })
    const joined = await dave.cli('join', code, '--json')
    expect(joined).toMatchObject({ code: 0, json: { path: rootOf(dave), role: 'write' } })
    await untilShown(ann, 'mine.txt')
    await untilShown(dave, 'secret.txt')
    expect(read(rootOf(dave), 'secret.txt')).toBe('not for dave')
    expect((await membersAt(carol))['dave']).toMatchObject({ state: 'member', revokedBy: null })
    await dave.stop()
  })

  it('that an admin let in who was taken out at the same time are out too, and all see the same', async () => {
    await untilMet(ann, bob, carol)
    await ann.stop()
    await erin.up()
    await letIn(bob, erin, 'write')
    await carol.until(folderName, 'erin', ({ peers }) => peers.length === 4)
    await Promise.all([bob, carol, erin].map((device) => device.stop()))
    await ann.up()
    const revoked = await ann.cli('revoke', folderName, 'bob', '--yes', '--json')
    expect(revoked.json).toMatchObject({ told: 0, untold: 2 })
    await ann.stop()
    await Promise.all([bob, carol, erin].map((device) => device.up()))
    write(rootOf(bob), 'bob.txt', 'from bob, in time')
    write(rootOf(erin), 'erin.txt', 'from erin, in time')
    await untilShown(carol, 'bob.txt')
    await untilShown(carol, 'erin.txt')
    await untilShown(erin, 'bob.txt')
    await ann.up()
    // What they wrote within five minutes of it counts: clocks differ.
    await untilShown(ann, 'bob.txt')
    await untilShown(ann, 'erin.txt')
    await bob.untilError(folderName, 'FOLDER_REVOKED')
    for (const device of [ann, carol]) {
      const all = await membersAt(device)
      const { id } = all['ann']!
      expect(all['bob']).toMatchObject({ state: 'revoked', role: 'admin', revokedBy: id, fencedEntries: 0 })
      // By whom it was let in: who never was linked with it does not know its name.
      const ofBob = Object.values(all).filter(({ grantedBy }) => grantedBy === all['bob']!.id)
      expect(ofBob.filter(({ role }) => role === 'write')).toEqual(
        expect.arrayContaining([expect.objectContaining({ state: 'revoked', revokedBy: id })]) as unknown,
      )
    }
    write(rootOf(carol), 'later.txt', 'for members')
    await untilShown(ann, 'later.txt')
    await expect
      .poll(async () => (await erin.folder(folderName)).errors.map(({ code }) => code), { timeout: 40_000 })
      .toEqual(expect.arrayContaining([expect.stringMatching(/^FOLDER_(REVOKED|NOT_A_MEMBER)$/)]) as unknown)
    for (const device of [bob, erin]) expect(Object.keys(snapshot(rootOf(device)))).not.toContain('later.txt')
    await letIn(ann, erin, 'read')
    await untilShown(erin, 'later.txt')
    await expect
      .poll(async () => Object.values(await membersAt(carol)))
      .toContainEqual(expect.objectContaining({ state: 'member', role: 'read' }))
  })
})

function errorOf({ json }: Pick<Answer, 'json'>): string | undefined {
  return (json as { error?: { code: string } } | undefined)?.error?.code
}
