/** Contract 9.8: starting, refusing to start, stopping, and being watched. Each row has gateways of its own. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { FakeNextcloud } from '../../support/fake-nextcloud.ts'
import {
  type GatewayOptions,
  GatewayProcess,
  HarpProcess,
  type ProgramExit,
  runGateway,
} from '../../support/gateway-process.ts'
import { expectStatus, expectText } from '../outcomes.ts'
import { profiles } from '../profiles.ts'
import type { Row } from '../row.ts'
import { Scene } from '../scene.ts'

/** A gateway of this row alone, in the profile's environment with changes, and a scene around it. */
export async function startOwn(
  scene: Scene,
  options: GatewayOptions = {},
  nextcloud: FakeNextcloud = scene.nextcloud,
): Promise<[GatewayProcess, Scene]> {
  const environment = { ...profiles.own.environment, ...options.environment }
  const gateway = await GatewayProcess.start(nextcloud.url, { ...options, environment })
  const target = { host: gateway.host, port: gateway.port }
  const key = options.environment?.['HP_SHARED_KEY'] ?? scene.settings.key
  return [gateway, new Scene({ ...scene.settings, target, key, gateway, nextcloud })]
}

/** The gateway must refuse to start: exit 1, and a line that says ERROR and matches. */
async function expectRefusal(scene: Scene, options: GatewayOptions, says: RegExp): Promise<ProgramExit> {
  const exit = await runGateway(scene.nextcloud.url, options)
  const told = JSON.stringify(options.environment ?? options.without)
  assert.equal(exit.code, 1, `exit code with ${told}\n${exit.stdout}${exit.stderr}`)
  const line = exit.stdout.split('\n').find((each) => each.startsWith('ERROR:') && says.test(each))
  assert.ok(line !== undefined, `no ERROR line matching ${says} with ${told}\n${exit.stdout}${exit.stderr}`)
  return exit
}

/** Refusals one after the other: each is a process start, and the machine may have two cores. */
async function expectRefusals(
  scene: Scene,
  name: string,
  values: readonly string[],
  says: RegExp = new RegExp(name),
): Promise<void> {
  for (const value of values) await expectRefusal(scene, { environment: { [name]: value } }, says)
}

export const processRows: readonly Row[] = [
  {
    row: 150,
    title: 'a shared key that is missing, doubled, unreadable or unusable refuses the start',
    profile: 'own',
    async run(scene) {
      const says = /HP_SHARED_KEY/
      const missing = join('/nonexistent', 'key')
      await expectRefusal(scene, { without: ['HP_SHARED_KEY'] }, says)
      await expectRefusal(scene, { environment: { HP_SHARED_KEY_FILE: missing } }, says)
      await expectRefusal(
        scene,
        { without: ['HP_SHARED_KEY'], environment: { HP_SHARED_KEY_FILE: missing } },
        says,
      )
      await expectRefusal(
        scene,
        { without: ['HP_SHARED_KEY'], environment: { HP_SHARED_KEY_FILE: '/dev/null' } },
        says,
      )
      for (const key of ['schlüssel-ist-hier', 'in"side-the-key', 'back\\slash-key']) {
        const exit = await expectRefusal(scene, { environment: { HP_SHARED_KEY: key } }, says)
        assert.ok(!(exit.stdout + exit.stderr).includes(key), 'the key is never printed')
      }
    },
  },
  {
    row: 151,
    title: 'quotes around the key are no part of it',
    profile: 'own',
    async run(scene) {
      const [gateway, quoted] = await startOwn(scene, { environment: { HP_SHARED_KEY: '"abc"' } })
      try {
        const client = quoted.newClient()
        expectStatus(await client.get('/exapps/app_api/info', [['harp-shared-key', 'abc']]), 200)
        expectText(
          await client.get('/exapps/app_api/info', [['harp-shared-key', '"abc"']]),
          401,
          '401 Unauthorized',
        )
      } finally {
        await gateway.stop()
      }
    },
  },
  {
    row: 152,
    title: 'an empty NC_INSTANCE_URL refuses the start',
    profile: 'own',
    run: (scene) => expectRefusals(scene, 'NC_INSTANCE_URL', ['', '""']),
  },
  {
    row: 153,
    title: 'a session lifetime outside 0 to 10 refuses the start',
    profile: 'own',
    run: (scene) => expectRefusals(scene, 'HP_SESSION_LIFETIME', ['11', '-1']),
  },
  {
    row: 154,
    title: 'a certificate validity that is no number of days refuses the start',
    profile: 'own',
    async run(scene) {
      for (const value of ['0', '1y']) {
        const environment = { HP_FRP_CERT_VALIDITY_DAYS: value, HP_FRP_DISABLE_TLS: 'false' }
        await expectRefusal(scene, { environment }, /HP_FRP_CERT_VALIDITY_DAYS/)
      }
    },
  },
  {
    row: 160,
    title: 'SIGTERM lets running requests finish and exits 0 within 10 s (W41)',
    profile: 'own',
    async run(scene) {
      const [gateway, own] = await startOwn(scene)
      const app = own.newApp()
      const running = own.newClient().get(app.path('/public?do=slow&ms=1200'))
      await using idle = await own.newClient().open()
      await own.exapp.waitForRequest((each) => app.received().includes(each))

      const askedAt = performance.now()
      gateway.program.signal('SIGTERM')
      const outcome = await running
      const exit = await gateway.stop(12_000)

      assert.equal(expectStatus(outcome, 200).body.toString(), 'late')
      assert.deepEqual([exit.code, exit.signal], [0, null])
      assert.ok(performance.now() - askedAt < 10_000, 'within 10 s')
      assert.equal((await idle.readToEnd()).length, 0)
    },
  },
  {
    row: 162,
    title: 'harp healthcheck is 0 while the gateway serves, and 1 when it is stuck',
    profile: 'own',
    async run(scene) {
      const [gateway] = await startOwn(scene)
      try {
        assert.equal((await healthcheck(gateway)).code, 0)
        gateway.program.signal('SIGSTOP')
        const stuck = await healthcheck(gateway)
        gateway.program.signal('SIGCONT')
        assert.equal(stuck.code, 1, `${stuck.stdout}${stuck.stderr}`)
        assert.equal((await healthcheck(gateway)).code, 0)
      } finally {
        gateway.program.signal('SIGCONT')
        await gateway.stop()
      }
    },
  },
  {
    row: 'W2',
    title: 'a key of quotes only is an empty key and refuses the start',
    profile: 'own',
    run: (scene) => expectRefusals(scene, 'HP_SHARED_KEY', ['""', `"'`, "''"]),
  },
  {
    row: 'W43',
    title: 'all configuration problems are told at once, each with its name and value',
    profile: 'own',
    async run(scene) {
      const environment = { HP_SESSION_LIFETIME: '99', HP_BLACKLIST_COUNT: 'many', NC_INSTANCE_URL: '' }

      const { stdout } = await expectRefusal(scene, { environment }, /HP_SESSION_LIFETIME/)

      for (const told of ['HP_SESSION_LIFETIME', '99', 'HP_BLACKLIST_COUNT', 'many', 'NC_INSTANCE_URL']) {
        assert.ok(stdout.includes(told), `${told} in\n${stdout}`)
      }
      const check = await runGateway(scene.nextcloud.url, { environment, args: ['--check'] })
      assert.equal(check.code, 1)
      const sound = await runGateway(scene.nextcloud.url, { args: ['--check'] })
      assert.equal(sound.code, 0, `${sound.stdout}${sound.stderr}`)
    },
  },
]

async function healthcheck(gateway: GatewayProcess): Promise<ProgramExit> {
  const program = new HarpProcess(['healthcheck'], gateway.place.environment)
  try {
    return await program.waitForExit(10_000)
  } finally {
    await program.stop(1_000)
  }
}
