import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { HubGroup, linkDevice, type TestHub } from '../../../test/sync/support/link-hubs.ts'
import {
  certificates,
  dialAs,
  helloFrame,
  hungUp,
  impostor,
  knock,
  rawSession,
  sendRaw,
  type Impostor,
} from '../../../test/sync/support/link-impostors.ts'
import { eventually } from '../../../test/support/deadline.ts'
import { encodeControl } from './hello.ts'
import { encodeFrame, prefixBytes, writePrefix } from './frames.ts'
import { frameLimits, linkLimits } from './link-limits.ts'
import { encodeTopic } from './stream-topic.ts'

const hubs = new HubGroup()
const impostors: Impostor[] = []
afterEach(async () => {
  await hubs.stop()
  await Promise.all(impostors.splice(0).map((each) => each.close()))
})

const member = linkDevice(2)

async function alive(hub: TestHub): Promise<void> {
  const friend = await hubs.start(3)
  friend.dials(hub)
  await friend.linkTo(hub)
}

test('only a device key, TLS 1.3 and our protocol are let in', async () => {
  const hub = await hubs.start(0)
  const ours = certificates.device(member)
  const session = await rawSession(member, hub.address, hub.deviceId)
  session.open().write(helloFrame())
  await eventually('the link', () => hub.opened[0])

  await knock(hub.address, undefined)
  await knock(hub.address, certificates.elliptic())
  await knock(hub.address, await certificates.rsa())
  await knock(hub.address, ours, { maxVersion: 'TLSv1.2' })
  await knock(hub.address, ours, { ALPNProtocols: ['h2'] })
  await knock(hub.address, ours, { ALPNProtocols: [] })
  await alive(hub)
  expect(hub.opened).toHaveLength(2)
})

test('a server that is not the device that was dialled gets nothing', async () => {
  const other = certificates.device(member)
  const tls = { ALPNProtocols: ['harp-sync/1'], requestCert: true, rejectUnauthorized: false } as const
  const hub = await hubs.start(0)
  for (const options of [
    { ...tls, ...other },
    { ...tls, ...certificates.elliptic() },
    { ...tls, ...(await certificates.rsa()) },
    { ...tls, ...certificates.device(linkDevice(1)), maxVersion: 'TLSv1.2' as const },
    { ...tls, ...certificates.device(linkDevice(1)), ALPNProtocols: ['h2'] },
  ]) {
    const server = await impostor(options)
    impostors.push(server)
    const found = await hub.hub.dialJoin(server.address, linkDevice(1).deviceId)
    expect(found).toHaveProperty('state')
  }
})

test('bytes that are no TLS, and silence, cost a place for a while and no more', async () => {
  const hub = await hubs.start(0, { times: { handshakeMs: 80 } })
  const sockets = [await sendRaw(hub.address, randomBytes(2_000))]
  for (let index = 0; index < 30; index++) sockets.push(await sendRaw(hub.address, new Uint8Array(0)))
  await Promise.all(sockets.map(hungUp))
  await alive(hub)
  expect(hub.opened).toHaveLength(1)
})

test('one member cannot take the places of all others', async () => {
  const hub = await hubs.start(0)
  let lost = 0
  for (let index = 0; index < linkLimits.linksOfDevice + 2; index++) {
    const { socket } = await dialAs(member, hub.address, hub.deviceId)
    if (index < linkLimits.linksOfDevice) socket.once('close', () => lost++)
    else await hungUp(socket)
  }
  expect(lost).toBe(0)
  await alive(hub)
})

test('who never says hello is dropped, on either side', async () => {
  const hub = await hubs.start(0, { times: { handshakeMs: 80 } })
  const { socket } = await dialAs(member, hub.address, hub.deviceId)
  await hungUp(socket)

  const silent = await impostor({
    ...certificates.device(linkDevice(1)),
    ALPNProtocols: ['harp-sync/1'],
    minVersion: 'TLSv1.3',
  })
  impostors.push(silent)
  hub.addresses.set(linkDevice(1).deviceId, [silent.address])
  hub.hub.setPeers([linkDevice(1).deviceId])
  await alive(hub)
  expect(hub.opened).toHaveLength(1)
})

const tooLong = Buffer.alloc(prefixBytes)
writePrefix(tooLong, frameLimits.control.headBytes + 1, 0)

test.each([
  ['no CBOR', encodeFrame(randomBytes(50)), 'LINK_FAULT'],
  ['a frame above the limit', tooLong, 'LINK_FAULT'],
  ['a poke before the hello', encodeFrame(encodeControl({ type: 'poke' })), 'LINK_FAULT'],
  ['two hellos', Buffer.concat([helloFrame(), helloFrame()]), 'LINK_FAULT'],
])('a link that begins with %s ends, and is reported', async (_what, bytes, code) => {
  const hub = await hubs.start(0)
  const session = await rawSession(member, hub.address, hub.deviceId)
  const control = session.open()
  control.setHandler({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} })
  control.write(bytes)
  const problem = await eventually('the report', () => hub.problems[0])
  expect(problem).toMatchObject({ code, peer: member.deviceId })
  await eventually('the end', () => (session.isClosed ? true : undefined))
  expect(hub.hub.links()).toEqual([])
})

test.each([
  ['no topic', encodeFrame(randomBytes(40))],
  ['a topic above the limit', encodeFrame(randomBytes(frameLimits.topic.headBytes + 1))],
  [
    'a head above the limit of its topic',
    Buffer.concat([
      encodeFrame(encodeTopic({ type: 'chunks', folderId: 'ab'.repeat(32) })),
      encodeFrame(new Uint8Array(frameLimits.chunks.headBytes + 1)),
    ]),
  ],
])('a stream with %s ends the whole link', async (_what, bytes) => {
  const hub = await hubs.start(0, {
    onStream: (_link, _topic, stream) => {
      stream.setHandler({ onFrame() {}, onDrain() {}, onClose() {} })
      return 'accept'
    },
  })
  const session = await rawSession(member, hub.address, hub.deviceId)
  session.open().write(helloFrame())
  await eventually('the link', () => hub.hub.links()[0])
  session.open().write(bytes)
  await eventually('the report', () => hub.problems[0])
  expect(hub.closed[0]).toContain('fault')
})

test('streams without a topic are dropped after a while, and the link stays', async () => {
  const hub = await hubs.start(0, { times: { topicMs: 50 } })
  const session = await rawSession(member, hub.address, hub.deviceId)
  session.open().write(helloFrame())
  await eventually('the link', () => hub.hub.links()[0])
  const closed: (Error | null)[] = []
  for (let index = 0; index < 5; index++) {
    session
      .open()
      .setHandler({ onData() {}, onEnd() {}, onDrain() {}, onClose: (error) => closed.push(error) })
  }
  await eventually('all of them', () => (closed.length === 5 ? true : undefined))
  expect(hub.hub.links()).toHaveLength(1)
  session.destroy()
})

test('a flood of streams before the hello ends the link', async () => {
  const hub = await hubs.start(0)
  const session = await rawSession(member, hub.address, hub.deviceId)
  for (let index = 0; index < 20; index++) session.open().write(Buffer.of(0))
  await eventually('the end', () => (session.isClosed ? true : undefined))
  expect(hub.opened).toEqual([])
})

test('streams that came with the hello are served after it', async () => {
  const topics: string[] = []
  const hub = await hubs.start(0, {
    onStream: (_link, topic) => {
      topics.push(topic.type)
      return 'enough'
    },
  })
  const session = await rawSession(member, hub.address, hub.deviceId)
  const control = session.open()
  const early = session.open()
  early.write(encodeFrame(encodeTopic({ type: 'log', folderId: 'ab'.repeat(32) })))
  await eventually('some time', () => (early.isAcknowledged ? true : undefined))
  expect(topics).toEqual([])
  control.write(helloFrame())
  await eventually('the stream', () => topics[0])
  session.destroy()
})

test('garbage under the streams ends the link and nothing else', async () => {
  const hub = await hubs.start(0)
  const { socket } = await dialAs(member, hub.address, hub.deviceId)
  socket.write(randomBytes(10_000))
  await hungUp(socket)
  await alive(hub)
  expect(hub.opened).toHaveLength(1)
})

test('another program with the keys of this device is refused and reported, this very one only refused', async () => {
  const hub = await hubs.start(0)
  for (const instance of [hub.hub.instance, 'cd'.repeat(16)]) {
    const session = await rawSession(linkDevice(0), hub.address, hub.deviceId)
    session.open().write(helloFrame(instance))
    await eventually('the end', () => (session.isClosed ? true : undefined))
  }
  expect(hub.problems.map(({ code }) => code)).toEqual(['LINK_OWN_CLONE'])
  expect(hub.opened).toEqual([])
})

test('a stranger that says hello is told no, without our name', async () => {
  const hub = await hubs.start(0, { name: 'canary-name' })
  hub.strangers.add(member.deviceId)
  const session = await rawSession(member, hub.address, hub.deviceId)
  const control = session.open()
  let heard = ''
  control.setHandler({
    onData: (chunk) => {
      heard += chunk.toString('latin1')
    },
    onEnd() {},
    onDrain() {},
    onClose() {},
  })
  control.write(helloFrame())
  await eventually('the end', () => (session.isClosed ? true : undefined))
  expect(heard).toContain('no member')
  expect(heard).not.toContain('canary-name')
  expect(hub.opened).toEqual([])
})
