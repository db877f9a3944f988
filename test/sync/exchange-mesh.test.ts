import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LogPeer, noon } from './support/log-peer.ts'
import { bareReplica, SessionLink } from './support/session-link.ts'

interface Step {
  readonly what: 'write' | 'fork' | 'carry' | 'cut'
  readonly who: number
  readonly link: number
  readonly count: number
}

const steps = fc.array(
  fc.record<Step>({
    what: fc.constantFrom('write', 'write', 'carry', 'carry', 'carry', 'fork', 'cut'),
    who: fc.nat(3),
    link: fc.nat(4),
    count: fc.integer({ min: 1, max: 9 }),
  }),
  { maxLength: 60 },
)

/** A ring of four, and a chord. */
const wires = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 0],
  [0, 2],
] as const

/** Four members, all wires up; each write and each message tells the other sessions of that replica. */
class Mesh {
  readonly peers = [1, 2, 3, 4].map((seed) => new LogPeer(seed))
  readonly links: SessionLink[]

  constructor() {
    const [founder, ...others] = this.peers
    founder!.found()
    for (const other of others) founder!.write(founder!.grant(other.record, 'write'))
    for (const other of others) other.join(founder!)
    this.links = wires.map(([left, right]) => this.connect(left, right))
  }

  connect(left: number, right: number): SessionLink {
    const [one, other] = [this.peers[left]!, this.peers[right]!]
    return new SessionLink(bareReplica(one), bareReplica(other), one.log.folderId!)
  }

  take({ what, who, link, count }: Step): void {
    const peer = this.peers[who]!
    const [left, right] = wires[link]!
    if (what === 'cut') this.links[link] = this.connect(left, right)
    if (what === 'carry') this.carry(link, count)
    if (what === 'write') {
      for (let index = 0; index < count && mayWrite(peer); index++) peer.write(peer.operation('w'))
      this.tell(who)
    }
    if (what === 'fork' && peer.writer.seq > 0 && mayWrite(peer)) {
      const other = (who + count) % 4
      const batch = peer.writer.twin().write([peer.operation('fork'), peer.operation('fork')], peer.tick())
      this.peers[other]!.log.accept(batch, 'twin', noon + 1_000)
      this.tell(other)
    }
  }

  tell(who: number): void {
    for (const [index, [left, right]] of wires.entries()) {
      if (left === who) this.links[index]!.left.session.changed()
      if (right === who) this.links[index]!.right.session.changed()
    }
  }

  carry(index: number, count: number): boolean {
    const link = this.links[index]!
    const [left, right] = wires[index]!
    let moved = false
    for (let turn = 0; turn < count; turn++) {
      if (link.step(link.left, link.right, noon + 1_000)) {
        moved = true
        this.tell(right)
      }
      if (link.step(link.right, link.left, noon + 1_000)) {
        moved = true
        this.tell(left)
      }
    }
    return moved
  }

  /** How many rounds over all wires it took until nothing moved. */
  settle(): number {
    for (let round = 1; round < 2_000; round++) {
      let moved = false
      for (const index of wires.keys()) if (this.carry(index, 1)) moved = true
      if (!moved) return round
    }
    throw new Error('the mesh never comes to rest')
  }
}

test('I14: whatever was written, forked and cut, a whole network ends with one log and is at rest', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const mesh = new Mesh()
      for (const step of list) mesh.take(step)
      mesh.settle()
      const frontier = mesh.peers[0]!.log.frontier()
      for (const { log } of mesh.peers) {
        expect(log.frontier()).toEqual(frontier)
        expect(log.pending.entries).toBe(0)
      }
      for (const { left, right } of mesh.links) {
        expect([left.session.idle, right.session.idle, left.session.fault, right.session.fault]).toEqual([
          true,
          true,
          undefined,
          undefined,
        ])
      }
    }),
    { numRuns: Number(process.env['HARP_EXCHANGE_RUNS'] ?? 60) },
  )
})

/** A device that sees its own fork may not. */
function mayWrite({ id, log }: LogPeer): boolean {
  const role = log.membership.roleOf(id, log.heads())
  return role === 'write' || role === 'admin'
}
