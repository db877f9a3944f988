/** Runs every row of the contract against our own gateway, one gateway per profile. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeExApp } from '../support/fake-exapp.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { profileNames, profiles, type ProfileName } from './profiles.ts'
import { timeoutOf } from './row.ts'
import { allRows } from './rows/all-rows.ts'
import { runRow } from './run-rows.ts'
import { Scene } from './scene.ts'

const key = 'sekret'
let nextcloud: FakeNextcloud
let exapp: FakeExApp
const gateways = new Map<ProfileName, GatewayProcess>()

beforeAll(async () => {
  nextcloud = await FakeNextcloud.start({ key })
  exapp = await FakeExApp.start()
  await Promise.all(
    profileNames
      .filter((name) => profiles[name].isShared)
      .map(async (name) => {
        gateways.set(
          name,
          await GatewayProcess.start(nextcloud.url, { environment: profiles[name].environment }),
        )
      }),
  )
}, 60_000)

afterAll(async () => {
  await Promise.all([...gateways.values()].map((gateway) => gateway.stop()))
  await Promise.all([nextcloud.stop(), exapp.stop()])
}, 60_000)

function sceneOf(name: ProfileName): Scene {
  const gateway = gateways.get(name)
  const { blacklistCount, sessionLifetimeMs } = profiles[name]
  // NOTE: rows of `own` replace the target by a gateway of theirs.
  const target = { host: gateway?.host ?? '127.0.0.1', port: gateway?.port ?? 0 }
  const shared = { target, key, blacklistCount, sessionLifetimeMs, nextcloud, exapp }
  if (gateway === undefined) return new Scene(shared)
  const tunnels = { server: { host: '127.0.0.1', port: gateway.place.ports.frp }, tls: 'off' as const }
  return new Scene({ ...shared, gateway, tunnels })
}

describe.each(profileNames)('profile %s', (name) => {
  for (const row of allRows.filter((each) => each.profile === name)) {
    test.concurrent(`row ${row.row}: ${row.title}`, { timeout: timeoutOf(row) + 2_000 }, async () => {
      const { failure } = await runRow(row, sceneOf(name))

      expect(failure).toBeUndefined()
    })
  }
})

test('nothing the gateways sent to the app or to Nextcloud broke the protocol', () => {
  expect(exapp.violations).toEqual([])
  expect(nextcloud.calls({ endpoint: 'other' })).toEqual([])
})

test('every shared gateway is still running after all rows', () => {
  for (const gateway of gateways.values()) expect(gateway.program.exited).toBeUndefined()
})
