import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { HubGroup, linkDevice, type TestHub } from '../../../test/sync/support/link-hubs.ts'
import { dialAs, hungUp, sendRaw } from '../../../test/sync/support/link-impostors.ts'
import { deadlineIn, within } from '../../../test/support/deadline.ts'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { systemClock } from '../../base/clock.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { FramePipe } from './frame-pipe.ts'
import { encodeFrame } from './frames.ts'
import { decodeInvitation, type Invitation } from './invitation.ts'
import { Invitations } from './invitations.ts'
import type { JoinRequest, JoinVerdict } from './join-desk.ts'
import { decodeJoinAnswer, decodeJoinRequest, encodeJoinAnswer, encodeJoinRequest } from './join-message.ts'
import { invitationKeys, joinProof } from './join-proof.ts'
import { join } from './join.ts'
import { frameLimits, linkLimits } from './link-limits.ts'

const hubs = new HubGroup()
afterEach(() => hubs.stop())

const folderId = 'ab'.repeat(32)
const batches = [new Uint8Array(3_000_000).fill(1), Uint8Array.of(2, 3)]

interface Inviter {
  readonly hub: TestHub
  readonly book: Invitations
  readonly requests: JoinRequest[]
  readonly invite: (validMs?: number) => Invitation
}

async function inviter(onJoin?: (request: JoinRequest) => Promise<JoinVerdict>): Promise<Inviter> {
  let text: string | undefined
  const book = new Invitations({
    suite: nodeSuite,
    store: {
      load: () => text,
      save: (next) => {
        text = next
      },
    },
    clock: systemClock,
    random: seededBytes('book'),
  })
  const requests: JoinRequest[] = []
  const grant = async (request: JoinRequest): Promise<JoinVerdict> => {
    requests.push(request)
    const admission = book.admit(request)
    if (admission.state === 'refused') return admission.reason
    return { grant: { batches, folderName: 'Music', role: admission.role }, key: admission.key }
  }
  const hub = await hubs.start(0, { onJoin: onJoin ?? grant })
  for (const index of [1, 2, 3]) hub.strangers.add(linkDevice(index).deviceId)
  const invite = (validMs = 60_000): Invitation => {
    const { code } = book.create({
      folderId,
      folderName: 'Music',
      inviter: hub.deviceId,
      addresses: ['127.0.0.1:1', hub.address],
      role: 'write',
      validMs,
    })
    return decodeInvitation(nodeSuite, code, systemClock.wall())
  }
  return { hub, book, requests, invite }
}

function ask(joiner: TestHub, invitation: Invitation, index: number) {
  return join(joiner.hub, invitation, linkDevice(index).record, `device\u0007${index}`)
}

test('a stranger with an invitation is let in, and gets what it needs to begin', async () => {
  const { hub, requests, invite } = await inviter()
  const joiner = await hubs.start(1, { listen: undefined })
  const grant = await ask(joiner, invite(), 1)

  expect(grant).toMatchObject({ folderName: 'Music', role: 'write' })
  expect(grant.batches.map((batch) => Buffer.compare(batch, batches[grant.batches.indexOf(batch)]!))).toEqual(
    [0, 0],
  )
  expect(requests[0]).toMatchObject({
    folderId,
    deviceId: joiner.deviceId,
    device: linkDevice(1).record,
    name: 'device 1',
  })
  expect(hub.opened).toEqual([])
})

test('the same device may ask again, another one may not', async () => {
  const { invite } = await inviter()
  const one = await hubs.start(1)
  const other = await hubs.start(2)
  const invitation = invite()
  await ask(one, invitation, 1)
  await expect(ask(other, invitation, 2)).rejects.toMatchObject({ code: 'INVITATION_USED' })
  await expect(ask(one, invitation, 1)).resolves.toMatchObject({ folderName: 'Music' })
})

test('an expired invitation, an unknown one and one with another secret are refused with their reasons', async () => {
  const { invite, book } = await inviter()
  const joiner = await hubs.start(1)
  const late = invite(-5_000)
  await expect(ask(joiner, late, 1)).rejects.toMatchObject({ code: 'INVITATION_EXPIRED' })
  const withdrawn = invite()
  book.withdraw(folderId)
  await expect(ask(joiner, withdrawn, 1)).rejects.toMatchObject({ code: 'INVITATION_UNKNOWN' })
  const guessed = { ...invite(), secret: new Uint8Array(16) }
  await expect(ask(joiner, guessed, 1)).rejects.toMatchObject({ code: 'INVITATION_UNKNOWN' })
})

test.each([
  ['not-admin', 'INVITATION_NOT_ADMIN'],
  ['failed', 'INVITATION_REFUSED'],
] as const)('a refusal of the inviter reaches the joiner: %s', async (reason, code) => {
  const { invite } = await inviter(async () => reason)
  const joiner = await hubs.start(1)
  await expect(ask(joiner, invite(), 1)).rejects.toMatchObject({ code })
})

test('a fault of the inviter, and a grant that is too large, are a refusal', async () => {
  const joiner = await hubs.start(1)
  const { invite } = await inviter(async () => {
    throw new Error('secret detail')
  })
  await expect(ask(joiner, invite(), 1)).rejects.toMatchObject({ code: 'INVITATION_REFUSED' })
  await hubs.stop()

  const again = await hubs.start(1)
  const tooMuch = Array.from({ length: linkLimits.grantBatches + 1 }, () => new Uint8Array(1))
  const large = await inviter(async () => ({
    grant: { batches: tooMuch, folderName: 'x', role: 'read' },
    key: new Uint8Array(32),
  }))
  await expect(ask(again, large.invite(), 1)).rejects.toMatchObject({ code: 'INVITATION_REFUSED' })
})

test('an inviter that does not know the secret is not believed', async () => {
  const { invite } = await inviter(async () => ({
    grant: { batches: [], folderName: 'Trap', role: 'write' },
    key: new Uint8Array(32),
  }))
  const joiner = await hubs.start(1)
  await expect(ask(joiner, invite(), 1)).rejects.toMatchObject({ code: 'JOIN_UNPROVEN' })
})

test('another device at the address is not asked, and nobody at it is said', async () => {
  const { invite } = await inviter()
  const other = await hubs.start(2)
  const joiner = await hubs.start(1)
  const invitation = invite()
  await expect(ask(joiner, { ...invitation, addresses: [other.address] }, 1)).rejects.toMatchObject({
    code: 'JOIN_WRONG_DEVICE',
  })
  for (const addresses of [['127.0.0.1:1'], []]) {
    await expect(ask(joiner, { ...invitation, addresses }, 1)).rejects.toMatchObject({
      code: 'JOIN_UNREACHABLE',
    })
  }
})

/** Speaks for itself on a join connection. */
async function rawJoin(index: number, to: TestHub, make: (channel: Uint8Array) => Uint8Array) {
  const connection = await dialAs(linkDevice(index), to.address, to.deviceId, 'join')
  const { promise, resolve } = Promise.withResolvers<string>()
  const pipe = new FramePipe(new StreamWire(connection.socket), {
    limits: frameLimits.joinAnswer,
    onFault: resolve,
  })
  pipe.setHandler({
    onFrame: (head) => {
      const answer = decodeJoinAnswer(head)
      resolve(answer.state === 'refused' ? answer.reason : 'granted')
    },
    onDrain() {},
    onClose: () => resolve('closed'),
  })
  pipe.send(make(connection.channel))
  const outcome = await within(promise, deadlineIn(5_000, 'an answer'))
  connection.socket.destroy()
  return outcome
}

function requestOf(index: number, invitation: Invitation, proof: Uint8Array): Uint8Array {
  const { id } = invitationKeys(invitation.secret)
  const { record } = linkDevice(index)
  return encodeJoinRequest({ folderId, invitation: id, device: record, name: 'raw', proof })
}

test('a proof is good in its own TLS session, for its own device, folder and inviter only', async () => {
  const { hub, invite } = await inviter()
  const invitation = invite()
  const { key } = invitationKeys(invitation.secret)
  const scene = (channel: Uint8Array) => ({
    channel,
    folderId,
    joiner: linkDevice(1).deviceId,
    inviter: hub.deviceId,
  })
  const relayed = joinProof(key, scene(new Uint8Array(randomBytes(32))))
  expect(await rawJoin(1, hub, () => requestOf(1, invitation, relayed))).toBe('wrong-proof')
  expect(await rawJoin(2, hub, (own) => requestOf(2, invitation, joinProof(key, scene(own))))).toBe(
    'wrong-proof',
  )
  const elsewhere = (own: Uint8Array) => joinProof(key, { ...scene(own), inviter: linkDevice(3).deviceId })
  expect(await rawJoin(1, hub, (own) => requestOf(1, invitation, elsewhere(own)))).toBe('wrong-proof')
  expect(await rawJoin(1, hub, (own) => requestOf(1, invitation, joinProof(key, scene(own))))).toBe('granted')
})

test("a record that is not the connection's, or not signed by its key, is not looked at", async () => {
  const { hub, requests, invite } = await inviter()
  const invitation = invite()
  const other = (own: Uint8Array) => requestOf(2, invitation, own)
  expect(await rawJoin(1, hub, other)).toBe('closed')
  const forged = { ...linkDevice(1).record, agreementKey: linkDevice(2).record.agreementKey }
  const { id } = invitationKeys(invitation.secret)
  const request = { folderId, invitation: id, device: forged, name: 'x', proof: new Uint8Array(32) }
  expect(await rawJoin(1, hub, () => encodeJoinRequest(request))).toBe('closed')
  expect(requests).toEqual([])
})

test('an address that guesses is not listened to for a while', async () => {
  const { hub, requests, invite } = await inviter()
  const invitation = invite()
  for (let index = 0; index < linkLimits.failures; index++) {
    expect(await rawJoin(1, hub, () => requestOf(1, invitation, new Uint8Array(32)))).toBe('wrong-proof')
  }
  const heard = requests.length
  expect(await rawJoin(1, hub, () => requestOf(1, invitation, new Uint8Array(32)))).toBe('busy')
  expect(requests.length).toBe(heard)
})

test('strangers that ask for nothing are dropped, and only so many are let in at once', async () => {
  const hub = await hubs.start(0, { times: { handshakeMs: 150 } })
  hub.strangers.add(linkDevice(1).deviceId)
  const connections = []
  for (let index = 0; index < linkLimits.strangers; index++) {
    connections.push(await dialAs(linkDevice(1), hub.address, hub.deviceId, 'join'))
  }
  const excess = await dialAs(linkDevice(1), hub.address, hub.deviceId, 'join')
  await hungUp(excess.socket)
  await Promise.all(connections.map(({ socket }) => hungUp(socket)))
  expect(await rawJoin(1, hub, () => requestOf(1, secretless, new Uint8Array(32)))).toBe('unknown')
})

const secretless: Invitation = {
  folderId,
  inviter: linkDevice(0).deviceId,
  addresses: [],
  secret: new Uint8Array(16),
  role: 'read',
  expires: 0,
  folderName: '',
}

test('a joiner that sends something else is cut off', async () => {
  const { hub, requests } = await inviter()
  const { socket } = await dialAs(linkDevice(1), hub.address, hub.deviceId, 'join')
  socket.write(encodeFrame(randomBytes(60)))
  await hungUp(socket)
  await hungUp(await sendRaw(hub.address, Buffer.from('GET / HTTP/1.1\r\n\r\n')))
  expect(requests).toEqual([])
})

test('what the two say to each other is one encoding, and the limits of a grant hold', async () => {
  const request = requestOf(1, secretless, new Uint8Array(32))
  expect(decodeJoinRequest(request).name).toBe('raw')
  expect(() => decodeJoinRequest(request.subarray(1))).toThrow('malformed')
  const most = { state: 'granted', folderName: 'x', role: 'read', proof: new Uint8Array(32) } as const
  const limit = linkLimits.grantBatches
  expect(decodeJoinAnswer(encodeJoinAnswer({ ...most, batches: limit }))).toEqual({ ...most, batches: limit })
  expect(() => encodeJoinAnswer({ ...most, batches: limit + 1 })).toThrow('range')
})

test('an inviter that does not answer is given up', async () => {
  const joiner = await hubs.start(1, { times: { grantMs: 200 } })
  const { invite } = await inviter(() => new Promise(() => {}))
  await expect(ask(joiner, invite(), 1)).rejects.toMatchObject({ code: 'JOIN_UNREACHABLE' })
})
