/**
 * A thousand tunnels that lose their gateway at the same moment: all come back by frpc's schedule, and the gateway's
 * memory is the same after every such storm.
 */
import { expect, test } from 'vitest'
import { mebibyte, openSockets, residentBytes, untilSockets } from '../integration/stage.ts'
import { eventually } from '../support/deadline.ts'
import { FrpcStandIn } from '../support/frpc-stand-in.ts'
import { Link } from '../support/link.ts'
import { crowd } from './crowd.ts'
import { TunnelStage } from './tunnel-stage.ts'

/** Half of frpc's waits: pauses up to 11 s. */
const timeScale = 0.5
const firstPort = 23_000
const backMs = 45_000
/** With all the room it likes, V8 collects so late that its garbage looks like a leak. */
const smallHeap = '--max-old-space-size=192 --max-semi-space-size=4'

test.each([
  [1_000, false],
  [200, true],
] as const)('%i tunnels reconnect at once (TLS: %s)', async (count, tls) => {
  await using stage = await TunnelStage.open({
    tls,
    environment: { HP_LOG_LEVEL: 'warning', NODE_OPTIONS: smallHeap },
  })
  const link = await Link.open({ address: '127.0.0.1', port: stage.place.ports.frp })
  stage.own(() => link.close())
  const socketsBefore = await openSockets(stage.pid)
  const paths = Array.from({ length: count }, (_, index) => stage.addApp(`app${index}`, firstPort + index))
  const base = await stage.standInOptions({ serverPort: link.port, retry: 'frpc', timeScale })
  const clients = paths.map((_, index) =>
    FrpcStandIn.connect({
      ...base,
      proxies: [{ name: `app${index}`, remotePort: firstPort + index, target: { port: stage.app.port } }],
    }),
  )
  stage.own(() => Promise.all(clients.map((client) => client.stop())))
  const figures: string[] = []
  const allBack = async (what: string): Promise<number> => {
    const startedAt = performance.now()
    let first = 0
    await eventually(
      `all tunnels ${what}`,
      async () => {
        const open = await stage.metric('harp_tunnels')
        if (open > 0 && first === 0) first = performance.now() - startedAt
        return open === count ? true : undefined
      },
      { timeoutMs: backMs, everyMs: 50 },
    )
    const ms = performance.now() - startedAt
    const memory = await residentBytes(stage.pid)
    figures.push(
      `${what}: first after ${(first / 1_000).toFixed(1)} s, all after ${(ms / 1_000).toFixed(1)} s, ` +
        `${(memory / mebibyte).toFixed(0)} MiB`,
    )
    return memory
  }

  await allBack('at the start')
  await stage.killGateway()
  await stage.restartGateway()
  const fresh = (await residentBytes(stage.pid)) / mebibyte
  const once = await allBack('after a restart of the gateway')
  const statuses = await crowd(count, 32, (index) => stage.isServed(paths[index] ?? ''))
  expect(statuses.filter((isServed) => !isServed)).toEqual([])

  let most = once
  for (let storm = 1; storm <= 3; storm += 1) {
    link.cut()
    await eventually('the tunnels to end', async () =>
      (await stage.metric('harp_tunnels')) < count ? true : undefined,
    )
    most = Math.max(most, await allBack(`after storm ${storm}`))
  }
  await Promise.all(clients.map((client) => client.stop()))
  await eventually('no tunnel', async () => ((await stage.metric('harp_tunnels')) === 0 ? true : undefined))
  await eventually('no connection', async () =>
    (await stage.metric('harp_tunnel_connections')) === 0 ? true : undefined,
  )
  // Some connections to Nextcloud are kept for a while.
  await untilSockets(stage.pid, socketsBefore + 32)
  const left = (await residentBytes(stage.pid)) / mebibyte
  console.log(
    `${count} tunnels${tls ? ' with TLS' : ''}; gateway ${fresh.toFixed(0)} MiB at its restart\n  ${figures.join('\n  ')}\n  ${left.toFixed(0)} MiB when all have left`,
  )
  expect(most).toBeLessThan(400 * mebibyte)
  expect(most - once).toBeLessThan(64 * mebibyte)
})
