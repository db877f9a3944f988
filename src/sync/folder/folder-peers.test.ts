import { expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { VirtualTime } from '../../../test/support/virtual-time.ts'
import { framePair, type FrameEnd } from '../../../test/sync/support/frame-pair.ts'
import { lan, linkOf, OfficeDevice } from '../../../test/sync/support/office-world.ts'
import { ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import type { Link, StreamTopic } from '../link/link.ts'
import { FolderPeers } from './folder-peers.ts'
import { grantIn, OwnMembership } from './own-membership.ts'

const time = new VirtualTime()

interface Member {
  readonly device: ReplicaDevice
  readonly office: OfficeDevice
  readonly peers: FolderPeers
}

function member(device: ReplicaDevice, knew: readonly string[] = []): Member {
  const office = new OfficeDevice(device.id, time)
  const own = new OwnMembership(device.store, device.replica)
  const peers: FolderPeers = new FolderPeers({
    folderId: device.replica.folderId,
    replica: device.replica,
    suite: device.suite,
    clock: { monotonic: () => time.monotonic(), wall: () => device.now },
    log: silentLogger,
    fetcher: office.fetcher,
    server: office.server,
    presence: office.presence,
    trusted: () => own.trusted,
    knew: () => knew,
    isBlank: () => own.isBlank,
    isOut: () => own.exclusion !== undefined,
    nameOf: () => undefined,
    onGrown: () => time.after(40, () => peers.changed()),
    onSource: () => undefined,
    guard: (act) => act(),
  })
  return { device, office, peers }
}

/** Streams that were opened, by their type, and what became of them. */
function connect(dialler: Member, listener: Member): string[] {
  const opened: string[] = []
  const link = (from: Member, to: Member, isDialled: boolean): Link => ({
    ...linkOf(from.office, to.office, lan),
    isDialled,
    hasPresence: false,
    open: (topic: StreamTopic): FrameEnd => {
      const [ours, theirs] = framePair({ time, topic, opener: from.device.id, acceptor: to.device.id })
      time.after(1, () => {
        const verdict = to.peers.accept(links[to === dialler ? 0 : 1]!, theirs)
        opened.push(`${from === dialler ? 'dialler' : 'listener'}: ${topic.type}: ${verdict}`)
        if (verdict !== 'accept') theirs.close(verdict)
      })
      return ours
    },
  })
  const links = [link(dialler, listener, true), link(listener, dialler, false)]
  listener.peers.linked(links[1]!)
  dialler.peers.linked(links[0]!)
  return opened
}

/** Anna's folder with Cleo; and Ben, who took her invitation and got no log before she went away. */
function invited(): { anna: ReplicaDevice; ben: ReplicaDevice; cleo: ReplicaDevice } {
  const [anna, cleo] = ReplicaDevice.folder(2, 'write')
  anna!.put('a', 1)
  const ben = new ReplicaDevice()
  const batches = anna!.replica.grant(ben.keys.record, 'write', anna!.tick())
  ben.open(anna!.replica.folderId)
  OwnMembership.note(ben.store, { by: anna!.id, role: 'write', grant: grantIn(ben.suite, batches) })
  ben.now = anna!.now
  return { anna: anna!, ben, cleo: cleo! }
}

test('a device whose inviter is gone before the log came takes it from another member', async () => {
  const { anna, ben, cleo } = invited()
  cleo.hear(anna)
  cleo.now = anna.now
  const [theirs, own] = [member(cleo), member(ben)]
  const opened = connect(theirs, own)
  const hasAll = (): boolean => ben.replica.log.size === cleo.replica.log.size
  for (let seconds = 0; seconds < 10; seconds++) {
    await time.advance(1_000)
    for (const each of [theirs, own]) each.peers.tick()
  }
  expect([hasAll(), ben.replica.role, own.peers.isBlank]).toEqual([true, 'write', false])
  expect(opened[0]).toBe('dialler: log: accept')
  // Content is asked for as soon as the log says that this is a member.
  expect(opened).toContain('listener: chunks: accept')
  for (const each of [theirs, own]) expect(each.peers.problems).toEqual([])
})

test('it gives nothing to those that it cannot know, asks them for nothing, and calls nobody a stranger', async () => {
  const { anna, ben, cleo } = invited()
  // Who has not heard of the invitation has nothing to give that lets Ben in.
  const [theirs, own] = [member(cleo), member(ben)]
  const opened = connect(own, theirs)
  cleo.now = anna.now
  for (let seconds = 0; seconds < 10; seconds++) {
    await time.advance(1_000)
    for (const each of [theirs, own]) each.peers.tick()
  }
  expect(opened).toEqual([])
  const link = { ...linkOf(own.office, theirs.office, lan), isDialled: false }
  own.peers.linked(link)
  const answers = (['chunks', 'presence', 'log'] as const).map((type) => {
    const [, end] = framePair({ time, topic: { type, folderId: ben.replica.folderId }, opener: cleo.id })
    return own.peers.accept(link, end)
  })
  expect(answers).toEqual(['the log has not come yet', 'the log has not come yet', 'accept'])
})

test('while its log has to be put together again, a device gives those that it only knows nothing but the log', () => {
  const { ben, cleo } = invited()
  const stranger = new ReplicaDevice()
  const own = member(ben, [cleo.id, stranger.id])
  const answers = [cleo, stranger].map(({ id }) => {
    const link = { ...linkOf(own.office, own.office, lan), peer: id, isDialled: false }
    own.peers.linked(link)
    return (['log', 'chunks', 'presence'] as const).map((type) => {
      const [, end] = framePair({ time, topic: { type, folderId: ben.replica.folderId }, opener: id })
      return own.peers.accept(link, end)
    })
  })
  const noLog = 'the log has not come yet'
  expect(answers).toEqual([
    ['accept', noLog, noLog],
    ['accept', noLog, noLog],
  ])
})

test('who is refused asks for the log now and then, and for no content before it is heard', async () => {
  const [anna, ben, cleo] = ReplicaDevice.folder(3, 'write')
  anna!.replica.revoke(ben!.id, anna!.tick())
  cleo!.hear(anna!)
  cleo!.now = ben!.now = anna!.now
  const [theirs, own] = [member(cleo!), member(ben!)]
  const opened = connect(own, theirs)
  for (let seconds = 0; seconds < 60; seconds++) {
    await time.advance(1_000)
    for (const each of [theirs, own]) each.peers.tick()
  }
  const ofLog = opened.filter((line) => line.startsWith('dialler: log'))
  expect(ofLog.length).toBeGreaterThan(2)
  expect(ofLog.length).toBeLessThan(10)
  expect(opened.filter((line) => line.includes('chunks')).length).toBeLessThan(2)
})
