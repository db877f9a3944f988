import { expect, test } from 'vitest'
import { linkDevice } from '../../../test/sync/support/link-hubs.ts'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { toHex } from '../ids.ts'
import { decodeInvitation } from './invitation.ts'
import { Invitations, type TextStore } from './invitations.ts'
import { invitationKeys, sameProof } from './join-proof.ts'

const folderId = 'ab'.repeat(32)
const ann = linkDevice(1).deviceId
const bob = linkDevice(2).deviceId

function desk() {
  let text: string | undefined
  const store: TextStore & { readonly text: () => string } = {
    load: () => text,
    save: (next) => {
      text = next
    },
    text: () => text ?? '',
  }
  let now = 1_900_000_000_000
  const options = {
    suite: nodeSuite,
    store,
    clock: { wall: () => now, monotonic: () => now },
    random: seededBytes('invitations'),
  }
  let book = new Invitations(options)
  return {
    store,
    book: () => book,
    restart: () => {
      book = new Invitations(options)
    },
    pass: (ms: number) => {
      now += ms
    },
    invite: (validMs = 3_600_000, folder = folderId) => {
      const { code } = book.create({
        folderId: folder,
        folderName: 'Music',
        inviter: linkDevice(0).deviceId,
        addresses: ['10.0.0.1:1'],
        role: 'write',
        validMs,
      })
      return decodeInvitation(nodeSuite, code, now)
    },
  }
}

function ask(secret: Uint8Array, deviceId: string, folder = folderId) {
  const { id, key } = invitationKeys(secret)
  return {
    folderId: folder,
    deviceId,
    invitation: id,
    isProvedBy: (given: Uint8Array) => sameProof(given, key),
  }
}

test('an invitation is good for one device, which may ask again, also after a restart', () => {
  const { book, invite, restart } = desk()
  const { secret } = invite()
  expect(book().openCount(folderId)).toBe(1)
  expect(book().admit(ask(secret, ann))).toMatchObject({ state: 'admitted', role: 'write', isRepeat: false })
  restart()
  expect(book().admit(ask(secret, bob))).toEqual({ state: 'refused', reason: 'used' })
  expect(book().admit(ask(secret, ann))).toMatchObject({ state: 'admitted', isRepeat: true })
  expect(book().openCount(folderId)).toBe(0)
})

test('the secret is nowhere in the book', () => {
  const { store, invite } = desk()
  const { secret } = invite()
  expect(store.text()).toContain(invitationKeys(secret).id)
  expect(store.text()).not.toContain(toHex(secret))
  expect(store.text()).not.toContain(Buffer.from(secret).toString('base64'))
})

test('it expires, also for the device that used it', () => {
  const { book, invite, pass } = desk()
  const first = invite(60_000)
  const second = invite(60_000)
  book().admit(ask(first.secret, ann))
  pass(60_001)
  expect(book().admit(ask(first.secret, ann))).toEqual({ state: 'refused', reason: 'expired' })
  expect(book().admit(ask(second.secret, bob))).toEqual({ state: 'refused', reason: 'expired' })
})

test('who does not know the secret learns nothing of it and spoils nothing', () => {
  const { book, invite } = desk()
  const { secret } = invite()
  const guess = { ...ask(secret, bob), isProvedBy: () => false }
  expect(book().admit(guess)).toEqual({ state: 'refused', reason: 'wrong-proof' })
  expect(book().admit(ask(new Uint8Array(16), bob))).toEqual({ state: 'refused', reason: 'unknown' })
  expect(book().admit(ask(secret, bob, 'cd'.repeat(32)))).toEqual({ state: 'refused', reason: 'unknown' })
  expect(book().admit(ask(secret, ann))).toMatchObject({ state: 'admitted' })
  expect(book().admit(guess)).toEqual({ state: 'refused', reason: 'wrong-proof' })
})

test('withdrawn invitations of a folder are unknown, others stay', () => {
  const { book, invite } = desk()
  const { secret } = invite()
  const other = invite(60_000, 'cd'.repeat(32))
  book().withdraw(folderId)
  expect(book().admit(ask(secret, ann))).toEqual({ state: 'refused', reason: 'unknown' })
  expect(book().admit(ask(other.secret, ann, 'cd'.repeat(32)))).toMatchObject({ state: 'admitted' })
})

test('of those that are withdrawn because one may be lost, who has joined by one may still repeat it', () => {
  const { book, invite } = desk()
  const [used, open] = [invite(), invite()]
  const other = invite(60_000, 'cd'.repeat(32))
  expect(book().admit(ask(used.secret, ann))).toMatchObject({ state: 'admitted', isRepeat: false })
  expect([book().withdrawOpen(folderId), book().withdrawOpen(folderId)]).toEqual([1, 0])
  expect(book().admit(ask(open.secret, bob))).toEqual({ state: 'refused', reason: 'unknown' })
  expect(book().admit(ask(used.secret, ann))).toMatchObject({ state: 'admitted', isRepeat: true })
  expect(book().admit(ask(other.secret, bob, 'cd'.repeat(32)))).toMatchObject({ state: 'admitted' })
})

test('256 may be open, and one more when one was used', () => {
  const { book, invite, pass } = desk()
  const all = Array.from({ length: 256 }, () => invite())
  expect(() => invite()).toThrow(expect.objectContaining({ code: 'INVITATION_TOO_MANY' }))
  book().admit(ask(all[0]!.secret, ann))
  invite()
  expect(() => invite()).toThrow(expect.objectContaining({ code: 'INVITATION_TOO_MANY' }))
  pass(3_600_001)
  invite()
})

test('the book stays small: the oldest of those that are over are forgotten first', () => {
  const { book, invite, restart, store } = desk()
  const open = invite()
  const first = invite()
  book().admit(ask(first.secret, ann))
  const read = () => JSON.parse(store.text()) as { readonly invitations: { readonly id: string }[] }
  const { invitations } = read()
  const more = Array.from({ length: 1_022 }, (_, index) => ({
    ...invitations[1],
    id: index.toString(16).padStart(32, '0'),
  }))
  store.save(JSON.stringify({ version: 1, invitations: [...invitations, ...more] }))
  restart()
  expect(book().admit(ask(first.secret, ann))).toMatchObject({ state: 'admitted' })
  const last = invite()

  expect(read().invitations).toHaveLength(1_024)
  expect(book().admit(ask(first.secret, ann))).toEqual({ state: 'refused', reason: 'unknown' })
  expect(book().admit(ask(open.secret, ann))).toMatchObject({ state: 'admitted' })
  expect(book().admit(ask(last.secret, ann))).toMatchObject({ state: 'admitted' })
})

test.each(['', '{', '[]', '{"version":2,"invitations":[]}', '{"version":1,"invitations":[{"id":"x"}]}'])(
  'a book that cannot be understood is not overwritten: %s',
  (text) => {
    const store: TextStore = {
      load: () => text,
      save: () => {
        throw new Error('saved')
      },
    }
    const options = {
      suite: nodeSuite,
      store,
      clock: { wall: () => 0, monotonic: () => 0 },
      random: seededBytes('x'),
    }
    expect(() => new Invitations(options)).toThrow(expect.objectContaining({ code: 'INVITATION_BOOK' }))
  },
)
