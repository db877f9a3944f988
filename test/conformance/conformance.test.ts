/** Runs every row of the contract against our own gateway, one gateway per profile. */
import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeExApp } from '../support/fake-exapp.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { headerValue } from '../support/http1-wire.ts'
import { profileNames, profiles, type ProfileName } from './profiles.ts'
import { timeoutOf } from './row.ts'
import { allRows, pendingRows } from './rows/all-rows.ts'
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
  return new Scene(gateway === undefined ? shared : { ...shared, gateway })
}

describe.each(profileNames)('profile %s', (name) => {
  for (const row of allRows.filter((each) => each.profile === name)) {
    test.concurrent(`row ${row.row}: ${row.title}`, { timeout: timeoutOf(row) + 2_000 }, async () => {
      const { failure } = await runRow(row, sceneOf(name))

      expect(failure).toBeUndefined()
    })
  }
})

describe('pending rows answer 501 with a text', () => {
  for (const { row, title, probe } of pendingRows) {
    if (probe === undefined) continue
    test.concurrent(`row ${row} (pending): ${title}`, async () => {
      const scene = sceneOf('default')
      const headers = [scene.keyed, ['docker-engine-port', '24000'] as const]
      const outcome = await scene
        .newClient()
        .send({ ...probe, headers, ...(probe.method === 'POST' ? { body: '' } : {}) })

      assert.ok(outcome.kind === 'response')
      expect(outcome.response.status).toBe(501)
      expect(headerValue(outcome.response.headers, 'content-type')).toMatch(/^text\/plain/)
      expect(outcome.response.body.length > 20 || probe.method === 'HEAD').toBe(true)
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
