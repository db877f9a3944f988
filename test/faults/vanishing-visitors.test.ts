/** Visitors who leave in the middle, 200 times: no work connection and no connection of the app outlives them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openSockets, untilSockets } from '../integration/stage.ts'
import { eventually } from '../support/deadline.ts'
import { seeded } from './seeded.ts'
import { TunnelStage } from './tunnel-stage.ts'
import { activeWork } from './overview.ts'

const visitors = 200
const atOnce = 10

test.each(['our client', 'our client without tcpMux', 'the stand-in frpc'])(
  'whoever vanishes takes everything along: %s',
  async (who) => {
    await using stage = await TunnelStage.open()
    const path = stage.addApp('app', 23_001)
    const client =
      who === 'the stand-in frpc'
        ? (await stage.standIn(), null)
        : await stage.startClient({ config: who === 'our client' ? '' : 'transport.tcpMux = false' })
    await stage.untilServed(path)
    await eventually('the app to be idle', () => (stage.app.openConnections <= 1 ? true : undefined))
    const [gatewayBefore, clientBefore] = [
      await openSockets(stage.pid),
      client === null ? 0 : await openSockets(client.pid),
    ]
    const random = seeded(8)
    let next = 0
    const vanish = async (number: number): Promise<void> => {
      const connection = await stage.connect()
      if (number % 2 === 0) {
        await connection.sendRequest({ target: `${path}/x?do=bytes&size=${1 << 26}` })
        if (number % 4 === 0) await connection.readHead()
      } else {
        const head = `POST ${path}/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${1 << 26}\r\n\r\n`
        await connection.send(head + 'x'.repeat(Math.floor(random() * 300_000)))
      }
      await sleep(random() * 30)
      if (random() < 0.5) connection.socket.resetAndDestroy()
      else connection.destroy()
    }
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (next < visitors) await vanish((next += 1))
      }),
    )

    await eventually('the app to be left', () => (stage.app.openConnections <= 1 ? true : undefined), {
      timeoutMs: 15_000,
    })
    // Without tcpMux an idle work connection is a socket: one at first, ten more after a rush.
    const more = who === 'our client without tcpMux' ? 12 : 2
    await untilSockets(stage.pid, gatewayBefore + more)
    if (client !== null) await untilSockets(client.pid, clientBefore + more)
    await eventually('no active work', async () => ((await activeWork(stage)) <= 1 ? true : undefined))
    expect(await stage.isServed(path)).toBe(true)
    expect(stage.app.violations).toEqual([])
  },
)
