/** Contract 9.4: which address is charged, when it is banned, and when it is served again. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { elapse } from '../../support/deadline.ts'
import type { HeaderLine } from '../../support/http1-wire.ts'
import { expectDrop, expectEcho, expectStatus, expectText } from '../outcomes.ts'
import type { Row } from '../row.ts'
import { newAddress, type Scene, type TestClient } from '../scene.ts'

async function ban(scene: Scene, client: TestClient): Promise<void> {
  for (let turn = 0; turn < scene.blacklistCount; turn += 1) {
    expectText(await client.fail(), 404, '404 Not Found')
  }
}

/** One failure through a peer that sends these lines; the address it must be charged to. */
async function expectCharged(scene: Scene, lines: readonly HeaderLine[], address: string): Promise<void> {
  expectText(await scene.newPeer().get('/nothing', lines), 404, '404 Not Found')

  const charged = scene.newClient()
  const asAddress: HeaderLine[] = [['X-Forwarded-For', address]]
  for (let left = scene.blacklistCount - 1; left > 0; left -= 1) {
    expectText(await charged.get('/nothing', asAddress), 404, '404 Not Found')
  }
  expectDrop(await charged.get('/nothing', asAddress))
}

export const banAndAddressRows: readonly Row[] = [
  {
    row: 68,
    title: 'the address is dropped after the last allowed failure',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      for (let turn = 0; turn < scene.blacklistCount; turn += 1) {
        expectText(await client.get(app.path('/zzz')), 404, '404 Not Found')
      }

      expectDrop(await client.get(app.path('/public')))

      assert.equal(app.received().length, 0)
    },
  },
  {
    row: 69,
    title: 'a banned address with the right key is served (W7)',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      await ban(scene, client)

      expectDrop(await client.get(app.path('/public')))
      expectStatus(await client.get('/exapps/app_api/info', [scene.keyed]), 200)
      expectStatus(await client.get(app.path('/heartbeat'), scene.signed(app)), 200)
      expectDrop(await client.get('/exapps/app_api/info', [['harp-shared-key', 'wrong']]))
    },
  },
  {
    row: 70,
    title: 'another address is served while one is banned',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const banned = scene.newClient()
      await ban(scene, banned)

      expectEcho(await scene.newClient().get(app.path('/public')))
      expectDrop(await banned.get(app.path('/public')))
    },
  },
  {
    row: 71,
    title: 'a ban ends with the window, and requests meanwhile do not prolong it',
    profile: 'short-window',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      const firstFailureAt = performance.now()
      await ban(scene, client)
      const lastFailureAt = performance.now()

      let dropped = 0
      for (;;) {
        const outcome = await client.get(app.path('/public'))
        // NOTE: counted from before the first failure, so that a slow machine cannot make the ban end early.
        if (performance.now() - firstFailureAt > 1_700) break
        expectDrop(outcome)
        dropped += 1
        await elapse(150)
      }
      assert.ok(dropped > 0, 'dropped at least once')
      await elapse(Math.max(0, 2_300 - (performance.now() - lastFailureAt)))

      expectEcho(await client.get(app.path('/public')))
    },
  },
  {
    row: 72,
    title: 'declared statuses are delivered intact and counted',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      for (let turn = 0; turn < scene.blacklistCount; turn += 1) {
        const echo = expectEcho(await client.get(app.path('/bp?status=418')), 418)
        assert.equal(echo.target, '/bp?status=418')
      }

      expectDrop(await client.get(app.path('/bp?status=418')))
    },
  },
  {
    row: 73,
    title: 'other statuses of a protected route are not counted',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      for (let turn = 0; turn < 10; turn += 1) expectEcho(await client.get(app.path('/bp?status=404')), 404)

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 74,
    title: 'of a forwarded chain the rightmost untrusted address is the client (W9)',
    profile: 'default',
    async run(scene) {
      const [claimed, real] = [newAddress(), newAddress()]

      await expectCharged(scene, [['X-Forwarded-For', `${claimed}, ${real}`]], real)

      const victim = await scene.newClient().get('/nothing', [['X-Forwarded-For', claimed]])
      expectText(victim, 404, '404 Not Found')
    },
  },
  {
    row: 75,
    title: 'a forwarded address from an untrusted peer is ignored',
    profile: 'untrusted-peer',
    async run(scene) {
      const peer = scene.newPeer()
      for (let turn = 0; turn < scene.blacklistCount; turn += 1) {
        const forged: HeaderLine[] = [
          ['X-Forwarded-For', newAddress()],
          ['X-Real-IP', newAddress()],
        ]
        expectText(await peer.get('/nothing', forged), 404, '404 Not Found')
      }

      expectDrop(await peer.get('/nothing', [['X-Forwarded-For', newAddress()]]))
      expectText(await scene.newPeer().fail(), 404, '404 Not Found')
    },
  },
  {
    row: 76,
    title: 'two X-Forwarded-For lines are one chain (W9)',
    profile: 'default',
    async run(scene) {
      const [claimed, real, behind] = [newAddress(), newAddress(), newAddress()]
      const secondIsTrusted: HeaderLine[] = [
        ['X-Forwarded-For', `${claimed}, ${real}`],
        ['X-Forwarded-For', '127.0.0.9'],
      ]
      const secondIsClient: HeaderLine[] = [
        ['X-Forwarded-For', claimed],
        ['X-Forwarded-For', behind],
      ]

      await expectCharged(scene, secondIsTrusted, real)
      await expectCharged(scene, secondIsClient, behind)
    },
  },
  {
    row: 77,
    title: 'without a usable X-Forwarded-For the client is X-Real-IP',
    profile: 'default',
    async run(scene) {
      const real = newAddress()
      const lines: HeaderLine[] = [
        ['X-Forwarded-For', 'junk'],
        ['X-Real-IP', real],
      ]

      await expectCharged(scene, lines, real)
    },
  },
  {
    row: 78,
    title: 'a forwarded address may carry a port (W9)',
    profile: 'default',
    async run(scene) {
      const plain = newAddress()
      const six = `2001:db8:${randomInt(1, 65_536).toString(16)}:${randomInt(1, 65_536).toString(16)}::7`

      await expectCharged(scene, [['X-Forwarded-For', `${plain}:1234`]], plain)
      await expectCharged(scene, [['X-Forwarded-For', `[${six}]:1234`]], six)
    },
  },
  {
    row: 79,
    title: 'the list of trusted proxies survives quotes, host bits and nonsense, and says so',
    profile: 'trusted-list',
    async run(scene) {
      const [one, two, three] = [newAddress(), newAddress(), newAddress()]

      await expectCharged(scene, [['X-Forwarded-For', `${one}, 192.168.100.77`]], one)
      await expectCharged(scene, [['X-Forwarded-For', `${two}, ::1`]], two)
      await expectCharged(scene, [['X-Forwarded-For', `${three}, 192.168.101.1`]], '192.168.101.1')
      await expectCharged(scene, [['X-Forwarded-For', `${three}, ::2`]], '::2')
      assert.match(scene.gateway.output, /bad/)
      assert.match(scene.gateway.output, /192\.168\.100\.0\/24/)
    },
  },
  {
    row: 80,
    title: 'wrong keys on the control API are 401, and then dropped',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()
      for (let turn = 0; turn < scene.blacklistCount; turn += 1) {
        const outcome = await client.get('/exapps/app_api/info', [['harp-shared-key', 'wrong']])
        expectText(outcome, 401, '401 Unauthorized')
      }

      expectDrop(await client.get('/exapps/app_api/info', [['harp-shared-key', 'wrong']]))
    },
  },
]
