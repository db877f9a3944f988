import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { ScriptedWire } from '../../../test/support/scripted-wire.ts'
import type { FrpChannel } from '../frp/frp-channel.ts'
import type { FrpMessage, Login, NewProxy } from '../frp/messages.ts'
import { ControlSession } from './control-session.ts'
import type { FrpConnection } from './frp-connection.ts'
import type { ClaimResult } from './proxy-claims.ts'

class Connection {
  readonly arrival = { stream: new EventEmitter(), peer: '192.0.2.7' }
  readonly isMultiplexed: boolean
  isDestroyed = false
  bytesIn = 0
  bytesOut = 0

  constructor(isMultiplexed: boolean) {
    this.isMultiplexed = isMultiplexed
  }

  destroySoon(): void {}

  destroy(): void {
    this.isDestroyed = true
  }

  get asConnection(): FrpConnection {
    return this as unknown as FrpConnection
  }
}

/** A session with what it said, and which names it has and had. */
function start(options: { isMultiplexed?: boolean; claim?: () => Promise<unknown> } = {}) {
  const said: FrpMessage[] = []
  const channel = { send: (message: FrpMessage) => said.push(message), encrypt() {}, destroySoon() {} }
  const session: ControlSession = new ControlSession({
    runId: 'r',
    login: { poolCount: 0 } as Login,
    identity: { grant: null },
    connection: new Connection(options.isMultiplexed ?? true).asConnection,
    channel: channel as unknown as FrpChannel,
    clock: { monotonic: () => 0, wall: () => 0 },
    claim: async (_session, { proxyName: name }) => {
      await options.claim?.()
      return { kind: 'granted', proxy: { name, port: 23_000, session } } as ClaimResult
    },
    onOpened() {},
    onRefused() {},
    onReleased() {},
    onClose() {},
  })
  session.start()
  return { session, said }
}

const proxy = { name: 'app', port: 23_000, kind: 'app', useEncryption: false, openedAt: 0 } as const
const visitor = { srcAddr: '', srcPort: 0, dstAddr: '', dstPort: 0 }
const nextTurn = (): Promise<void> => new Promise(setImmediate)

test('a proxy that is closed before it was granted does not stay', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<undefined>()
  const { session, said } = start({ claim: () => asked })
  session.onMessage({ kind: 'NewProxy', proxyName: 'app' } as NewProxy)
  session.onMessage({ kind: 'CloseProxy', proxyName: 'app' })
  resolve(undefined)
  await nextTurn()

  expect(said.map(({ kind }) => kind)).toContain('NewProxyResp')
  expect(session.proxies.size).toBe(0)
})

test.each([
  ['ends at once', (wire: ScriptedWire) => wire.close()],
  ['speaks before it was asked', (wire: ScriptedWire) => wire.give(Buffer.of(1))],
])('a request that waits gets the next work connection when the first %s', async (_what, spoil) => {
  const { session } = start()
  const dialled = session.dial({ ...proxy, session }, visitor, 5_000)
  const [first, second] = [new ScriptedWire(), new ScriptedWire()]
  session.addWork(first, 1, session.connection)
  spoil(first)
  await nextTurn()
  session.addWork(second, 1, session.connection)

  expect(await dialled).toBe(second)
  expect(first.writes).toEqual([])
})

test('with a session its work connections end, where each is a connection of its own', () => {
  const { session } = start({ isMultiplexed: false })
  const carrier = new Connection(false)
  session.addWork(new ScriptedWire(), 1, carrier.asConnection)
  session.close('its token was revoked')

  expect(carrier.isDestroyed).toBe(true)
})
