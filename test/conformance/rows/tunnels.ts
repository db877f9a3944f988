/**
 * Contract 9.8, as far as any gateway can be asked: an app behind a tunnel, refused logins and refused ports. What needs
 * certificates or a gateway of its own (81, 145, 147-149, and how it counts in 144) is test/integration/tunnels.test.ts.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import type { FrpcOptions, FrpcProxy } from '../../support/frpc-options.ts'
import { FrpcStandIn } from '../../support/frpc-stand-in.ts'
import { expectEcho, expectStatus } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { Scene } from '../scene.ts'

/** First port and count; 24000 is the engine of the gateway's own machine. */
const ranges = { app: [23_000, 1_000], engine: [24_001, 99] } as const
const next = { app: randomInt(1_000), engine: randomInt(99) }

/** A port that no other row of this run has; a new run begins elsewhere, since a gateway may remember the last. */
export function newTunnelPort(kind: 'app' | 'engine'): number {
  const [first, count] = ranges[kind]
  next[kind] = (next[kind] + 1) % count
  return first + next[kind]
}

/** An frpc with the shared key that serves `proxies`. */
export async function connectFrpc(
  scene: Scene,
  proxies: readonly FrpcProxy[],
  changes: Partial<FrpcOptions> = {},
): Promise<FrpcStandIn> {
  return FrpcStandIn.connected({ ...scene.tunnels, token: scene.settings.key, proxies, ...changes })
}

export const tunnelRows: readonly Row[] = [
  {
    row: 143,
    title: 'an app behind a tunnel is served, with uploads, and is gone when the tunnel is',
    profile: 'default',
    needsTunnels: true,
    async run(scene) {
      const port = newTunnelPort('app')
      const app = scene.newApp({ record: { host: '127.0.0.1', port } })
      const target = { port: scene.exapp.port }
      const frpc = await connectFrpc(scene, [{ name: app.id, remotePort: port, target }])
      try {
        const body = Buffer.alloc(3_000_000, 'tunnel')
        assert.equal(frpc.proxyResponses.get(app.id)?.remoteAddr, `:${port}`)

        const echo = expectEcho(await scene.newClient().get(app.path('/public?a=b')))
        const upload = expectEcho(
          await scene.newClient().send({ method: 'POST', target: app.path('/public'), body }),
        )

        assert.equal(echo.target, '/public?a=b')
        assert.equal(upload.bodyBytes, body.length)
      } finally {
        await frpc.stop()
      }
      expectStatus(await scene.newClient().get(app.path('/public')), 503)
    },
  },
  {
    row: 144,
    title: 'a login with a wrong token is refused with an error',
    profile: 'default',
    needsTunnels: true,
    async run(scene) {
      const proxy = { name: scene.newAppId(), remotePort: newTunnelPort('app'), target: { port: 1 } }
      await using frpc = await connectFrpc(scene, [proxy], { token: 'wrong' })

      const { error } = await frpc.loginResponse

      assert.notEqual(error, '')
      assert.deepEqual(frpc.proxyAnswers, [])
    },
  },
  {
    row: 146,
    title: 'a port outside the ranges, a port that is taken and a second proxy are refused with frp’s words',
    profile: 'default',
    needsTunnels: true,
    async run(scene) {
      const target = { port: scene.exapp.port }
      const [outside, port] = [scene.newAppId(), newTunnelPort('app')]
      await using first = await connectFrpc(scene, [{ name: outside, remotePort: 22_000, target }])
      const two = [port, newTunnelPort('app')].map((remotePort) => ({
        name: scene.newAppId(),
        remotePort,
        target,
      }))
      await using second = await connectFrpc(scene, two)
      const errors = two.map(({ name }) => second.proxyResponses.get(name)?.error ?? 'no answer')
      const granted = two[errors.indexOf('')]
      assert.ok(granted !== undefined, errors.join())
      await using third = await connectFrpc(scene, [{ ...granted, name: scene.newAppId() }])

      assert.equal(first.proxyResponses.get(outside)?.error, 'port not allowed')
      assert.deepEqual(errors.toSorted(), ['', 'exceed the max_ports_per_client'])
      assert.equal([...third.proxyResponses.values()][0]?.error, 'port already used')
    },
  },
]
