/**
 * A whole folder's life from one seed, with whatever crypto suite it is given: runs alike in Node and in a page, so
 * that the two can be compared byte for byte. Imports nothing that a browser does not have.
 */
import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../../../src/sync/crypto/suite.ts'
import { ExchangeSession } from '../../../src/sync/exchange/exchange-session.ts'
import { toHex } from '../../../src/sync/ids.ts'
import { verifyHistory } from '../../../src/sync/proof/verify-history.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { MemoryStore } from '../../../src/sync/store/memory-store.ts'
import {
  makeDirectory,
  move,
  putFile,
  restoreVersion,
  trash,
  type Planned,
} from '../../../src/sync/tree/intents.ts'

export interface Told {
  readonly folderId: string
  readonly devices: readonly string[]
}

export interface ScenarioResult {
  readonly told: Told
  readonly digests: readonly ReturnType<Replica['digest']>[]
  /** Hash over every message that the two sent to each other. */
  readonly conversation: string
  readonly shown: readonly string[]
  readonly finalLength: number
  /** Of notes.txt, as arrays of bytes: those cross the border between page and test. */
  readonly sealedProof: readonly number[]
  readonly revealedProof: readonly number[]
}

interface Device {
  readonly replica: Replica
  readonly keys: DeviceKeys
}

const start = 1_800_000_000_000

/** The same bytes for the same seed, on every machine. */
function seededRandom(suite: CryptoSuite, seed: string): RandomBytes {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      const block = suite.hash(new TextEncoder().encode(`${seed}/${count++}`))
      bytes.set(block.subarray(0, length - offset), offset)
    }
    return bytes
  }
}

class Scenario {
  readonly #suite: CryptoSuite
  readonly #random: RandomBytes
  #now = start
  #heard: Uint8Array

  constructor(suite: CryptoSuite, seed: string) {
    this.#suite = suite
    this.#random = seededRandom(suite, seed)
    this.#heard = new Uint8Array(32)
  }

  play(): ScenarioResult {
    const founder = this.#found()
    const second = this.#join(founder, 'write')
    const third = this.#join(founder, 'read')
    this.#do(founder, (view, random) => makeDirectory(view, ['A'], random))
    this.#do(founder, (view, random) => makeDirectory(view, ['B'], random))
    this.#save(founder, ['notes.txt'], 11)
    this.#save(founder, ['A', 'old.txt'], 5)
    this.#meet(founder, second)

    this.#save(founder, ['notes.txt'], 12)
    this.#save(second, ['notes.txt'], 13)
    this.#do(founder, (view) => move(view, ['A'], ['B', 'A']))
    this.#do(second, (view) => move(view, ['B'], ['A', 'B']))
    this.#do(founder, (view) => trash(view, ['B', 'A', 'old.txt']))
    this.#save(second, ['A', 'new Ä.txt'], 6)
    this.#meet(founder, second)

    founder.replica.revoke(third.keys.deviceId, this.#tick())
    this.#save(second, ['notes.txt'], 14)
    this.#meet(second, founder)
    founder.replica.publish(this.#tick())
    this.#do(second, (view) => {
      const shown = view.at(['notes.txt'])
      return shown?.kind === 'file' ? restoreVersion(view, ['notes.txt'], shown.versions[0]!.entry.hash) : []
    })
    this.#meet(founder, second)
    founder.replica.publish(this.#tick())
    this.#meet(founder, second)
    return this.#result(founder, second)
  }

  #result(founder: Device, second: Device): ScenarioResult {
    const shown = second.replica.view.at(['notes.txt'])
    if (shown === undefined) throw new Error('notes.txt is not shown')
    const { nodes } = shown
    const prove = (reveal: 'none' | 'all'): number[] =>
      Array.from(second.replica.proveHistory({ nodes, reveal }, this.#tick()))
    return {
      told: {
        folderId: founder.replica.folderId,
        devices: [founder.keys.deviceId, second.keys.deviceId],
      },
      digests: [founder.replica.digest(), second.replica.digest()],
      conversation: toHex(this.#heard),
      shown: [...second.replica.view.walk()].map(({ path }) => path.join('/')),
      finalLength: second.replica.finalLength,
      sealedProof: prove('none'),
      revealedProof: prove('all'),
    }
  }

  #found(): Device {
    const keys = createDeviceKeys(this.#suite, this.#random)
    const options = { suite: this.#suite, store: new MemoryStore(), keys, random: this.#random }
    return { keys, replica: Replica.found(options, { mode: 'server_authoritative' }, this.#tick()) }
  }

  #join(founder: Device, role: 'read' | 'write'): Device {
    const keys = createDeviceKeys(this.#suite, this.#random)
    founder.replica.grant(keys.record, role, this.#tick())
    const { folderId } = founder.replica
    const options = { suite: this.#suite, store: new MemoryStore(), keys, random: this.#random, folderId }
    const device = { keys, replica: Replica.open(options) }
    this.#meet(founder, device)
    return device
  }

  #save(device: Device, path: readonly string[], size: number): void {
    const content = {
      manifest: this.#random(40),
      size,
      mtime: { seconds: 1_700_000_000, nanos: size },
      exec: false,
      hash: toHex(this.#random(32)),
    }
    this.#do(device, (view, random) => putFile(view, path, content, random))
  }

  #do({ replica }: Device, plan: (view: Replica['view'], random: RandomBytes) => Planned): void {
    const planned = plan(replica.view, this.#random)
    if (typeof planned === 'string') throw new Error(planned)
    const changes = planned.map((operation) => ({ operation }))
    replica.write(changes, this.#tick())
  }

  #meet(left: Device, right: Device): void {
    const folderId = left.replica.folderId
    const open = ({ replica }: Device, peer: string): ExchangeSession =>
      new ExchangeSession(replica, { suite: this.#suite, folderId, peer })
    const sessions = [open(left, 'right'), open(right, 'left')] as const
    for (let moved = true; moved;) {
      moved = false
      for (const [from, to] of [sessions, [sessions[1], sessions[0]]] as const) {
        const message = from.next(this.#now)
        if (message === undefined) continue
        moved = true
        this.#heard = this.#suite.hash(this.#heard, message)
        const { strike, fault } = to.receive(message, this.#now)
        const problem = strike ?? fault
        if (problem !== undefined) throw new Error(`${problem.reason} ${problem.detail}`)
      }
    }
    if (!sessions.every((session) => session.idle)) throw new Error('the exchange did not end')
  }

  #tick(): number {
    this.#now += 1_000
    return this.#now
  }
}

export function playScenario(suite: CryptoSuite, seed: string): ScenarioResult {
  return new Scenario(suite, seed).play()
}

/** What a reader with this trust learns: a line for each version, or why the proof is refused. */
export function judgeProof(suite: CryptoSuite, proof: readonly number[], told: Told): string[] {
  const result = verifyHistory(suite, Uint8Array.from(proof), told)
  if (result.refused !== undefined) return [result.refused]
  return result.nodes.flatMap(({ versions }) =>
    versions.map(({ hash, opened }) => `${hash} ${opened?.type === 'put' ? opened.content.size : 'sealed'}`),
  )
}

/** The verdicts on this proof with one bit changed, for every so many bytes. */
export function judgeTampered(
  suite: CryptoSuite,
  proof: readonly number[],
  { told, step }: { readonly told: Told; readonly step: number },
): string[] {
  const verdicts: string[] = []
  for (let at = 0; at < proof.length; at += step) {
    const changed = proof.map((byte, index) => (index === at ? byte ^ (1 << (at & 7)) : byte))
    verdicts.push(judgeProof(suite, changed, told).join())
  }
  return verdicts
}
