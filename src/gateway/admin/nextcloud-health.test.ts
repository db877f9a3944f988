import { expect, test } from 'vitest'
import { HarpError } from '../../base/errors.ts'
import type { NextcloudAnswer } from '../nextcloud/nextcloud-client.ts'
import { NextcloudHealth } from './nextcloud-health.ts'

let now = 0
const clock = { monotonic: () => now, wall: () => 0 }
const fine = { installed: true, maintenance: false, needsDbUpgrade: false, versionstring: '31.0.4' }

function make(answer: () => Promise<NextcloudAnswer>): { health: NextcloudHealth; asked: string[] } {
  const asked: string[] = []
  const nextcloud = {
    get: (path: string, headers: Readonly<Record<string, string>>) => {
      asked.push(path + JSON.stringify(headers))
      return answer()
    },
  }
  return { health: new NextcloudHealth({ nextcloud, clock, maxAgeMs: 10_000 }), asked }
}

const reply =
  (value: unknown, status = 200) =>
  async () => ({ status, body: JSON.stringify(value) })

test('Nextcloud is asked once in ten seconds, however many ask, and never gets the key', async () => {
  now = 100
  const { health, asked } = make(reply(fine))

  await Promise.all([health.check(), health.check()])
  now += 9_999
  expect(await health.check()).toEqual({ kind: 'reachable', version: '31.0.4' })
  expect(asked).toEqual(['/status.php{}'])

  now += 1
  await health.check()
  expect(asked.length).toBe(2)
})

test.each([
  ['in maintenance mode', reply({ ...fine, maintenance: true }), 'maintenance'],
  ['not installed', reply({ ...fine, installed: false }), 'not installed'],
  ['another program', reply({ hello: 'world' }), 'not a Nextcloud'],
  ['an error', reply(fine, 502), '502'],
])('what answers is %s: unusable', async (_what, answer, problem) => {
  const { health } = make(answer)

  expect(await health.check()).toMatchObject({ kind: 'unusable', problem: expect.stringContaining(problem) })
})

test('no answer is unusable by its code', async () => {
  const { health } = make(() => Promise.reject(new HarpError('NEXTCLOUD_TIMEOUT', 'too slow')))

  expect(await health.check()).toEqual({ kind: 'unusable', problem: 'NEXTCLOUD_TIMEOUT' })
})
