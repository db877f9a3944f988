import { duplexPair, type Duplex } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import { silentLogger } from '../../base/logger.ts'
import { FrpConnection } from './frp-connection.ts'

const pong = '000200020000000000000000'

let now = 0
let sweeper: DeadlineSweeper
let peer: Duplex
let connection: FrpConnection

function connect(): void {
  now = 0
  sweeper = new DeadlineSweeper(3_600_000, () => now)
  const [near, far] = duplexPair()
  peer = far.on('error', () => {})
  connection = new FrpConnection({
    arrival: {
      stream: near,
      peer: '192.0.2.7',
      peerPort: 1,
      transport: 'plain',
      certificate: null,
      bytesRead: () => 0,
      bytesWritten: () => 0,
    },
    isMultiplexed: true,
    clock: { monotonic: () => now, wall: () => now },
    sweeper,
    log: silentLogger,
    host: {
      onLogin: () => ({ onMessage() {}, onClose() {} }),
      onWorkConnection() {},
    },
    onClose() {},
  })
}

afterEach(() => {
  connection.destroy()
  sweeper.stop()
})

test('a live client is alive for all who ask at once, however many', async () => {
  connect()
  const asked = Array.from({ length: 100 }, () => connection.probe(1_500))
  peer.write(Buffer.from(pong, 'hex'))

  expect(new Set(await Promise.all(asked))).toEqual(new Set([true]))
})

test('a client is asked again after an answer', async () => {
  connect()
  peer.write(Buffer.from(pong, 'hex'))
  await connection.probe(1_500)
  const again = connection.probe(1_500)
  peer.write(Buffer.from(pong.replace(/0$/, '1'), 'hex'))

  expect(await again).toBe(true)
})

test.each([
  ['silent', '', false],
  // A pong that nobody waits for.
  ['too busy to answer', '000200020000000000000063', true],
])('a client that is %s', async (_what, bytes, isAlive) => {
  connect()
  const asked = connection.probe(1_500)
  peer.write(Buffer.from(bytes, 'hex'))
  await new Promise(setImmediate)
  now = 1_500
  sweeper.sweep()

  expect(await asked).toBe(isAlive)
})
