/** Contract 8: fixed weaknesses of running a gateway: ports, logs, certificates, and a Nextcloud or app that moves. */
import assert from 'node:assert/strict'
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../../support/deadline.ts'
import { FakeExApp } from '../../support/fake-exapp.ts'
import { FakeNextcloud } from '../../support/fake-nextcloud.ts'
import { RawConnection } from '../../support/raw-http.ts'
import { makeSelfSigned } from '../../support/self-signed.ts'
import { expectEcho, expectNoHeader, expectStatus, expectText } from '../outcomes.ts'
import type { Row } from '../row.ts'
import { admin, alice, route } from '../scene.ts'
import { startOwn } from './process.ts'

const control = '/exapps/app_api'

export const operationRows: readonly Row[] = [
  {
    row: 'W3',
    title: 'the gateway listens where it was told to and nowhere else',
    profile: 'own',
    async run(scene) {
      const [gateway] = await startOwn(scene)
      try {
        const { http, https, frp, admin: adminPort } = gateway.place.ports
        // NOTE: the system's list of sockets can miss some while others come and go.
        const open = await eventually('the HTTP port in the list of open ones', async () => {
          const found = await listeningPorts(gateway.program.pid)
          return found.includes(http) ? found : undefined
        })

        assert.deepEqual(
          open.filter((port) => ![http, https, frp, adminPort].includes(port)),
          [],
        )
      } finally {
        await gateway.stop()
      }
    },
  },
  {
    row: 'W14',
    title: 'a route that backtracks forever stalls nobody and opens nothing',
    // NOTE: a gateway that fails here is stuck for good, so it must not be the one the other rows use.
    profile: 'own',
    async run(scene) {
      const [gateway, own] = await startOwn(scene)
      try {
        const evil = ['^/(a+)+$', '^/(?=(a+)+b)c', '^/(a|a)*\\1b$']
        const other = own.newApp()
        const apps = evil.map((url) => own.newApp({ routes: [route(url, 0)] }))
        const attacks = apps.map((app) => own.newClient().get(app.path(`/${'a'.repeat(4_000)}!`)))

        const startedAt = performance.now()
        expectEcho(await own.newClient().get(other.path('/public')))
        const tookMs = performance.now() - startedAt
        const outcomes = await Promise.all(attacks)

        assert.ok(tookMs < 2_000, `another request took ${tookMs} ms`)
        for (const outcome of outcomes) {
          assert.ok(outcome.kind === 'response' && [403, 404, 503].includes(outcome.response.status))
        }
        for (const app of apps) assert.equal(app.received().length, 0)
      } finally {
        // NOTE: a stuck process does not hear SIGTERM.
        await gateway.stop(3_000)
      }
    },
  },
  {
    row: 'W22',
    title: 'an app that came back on another port is found again without a restart',
    profile: 'default',
    async run(scene) {
      const old = await FakeExApp.start()
      const app = scene.newApp({ record: { port: old.port } })
      const client = scene.newClient()
      expectEcho(await client.get(app.path('/public')))
      await old.stop()
      scene.nextcloud.setApp(app.id, { record: { ...app.record, port: scene.exapp.port } })

      await eventually(
        'the app at its new port',
        async () => {
          const outcome = await client.send({ target: app.path('/public') }, 15_000)
          return outcome.kind === 'response' && outcome.response.status === 200 ? true : undefined
        },
        { timeoutMs: 10_000, everyMs: 200 },
      )

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 'W24',
    title: 'a slow lookup of one app delays no other app',
    profile: 'default',
    async run(scene) {
      const slow = scene.newApp({ delayMs: 1_500 })
      const quick = scene.newApp()
      const waiting = Array.from({ length: 20 }, () => scene.newClient().get(slow.path('/public')))

      const startedAt = performance.now()
      expectEcho(await scene.newClient().get(quick.path('/public')))
      const tookMs = performance.now() - startedAt

      assert.ok(tookMs < 1_000, `the other app took ${tookMs} ms`)
      for (const outcome of await Promise.all(waiting)) expectEcho(outcome)
    },
  },
  {
    row: 'W36',
    title: 'no log line tells a key, a token, a cookie or a password, at any level',
    profile: 'own',
    async run(scene) {
      const secrets = { key: 'key-f00dbabe-1234567890', token: 'token-f00dbabe-1234567890' }
      const nextcloud = await FakeNextcloud.start({ key: secrets.key })
      const environment = { HP_SHARED_KEY: secrets.key, HP_LOG_LEVEL: 'debug', HP_VERBOSE_START: '1' }
      const [gateway, own] = await startOwn(scene, { environment }, nextcloud)
      try {
        const app = own.newApp({ record: { exapp_token: secrets.token } })
        const session = own.newSession(alice)
        const basic = own.newBasic(admin)
        const client = own.newClient()
        expectEcho(await client.get(app.path('/user'), [session]))
        expectEcho(await client.get(app.path('/admin'), [basic]))
        expectStatus(await client.get(app.path('/heartbeat'), own.signed(app)), 200)
        const body = JSON.stringify(app.record)
        const target = `${control}/exapp_storage/${app.id}`
        expectStatus(await client.send({ method: 'POST', target, headers: [own.keyed], body }), 204)
        expectText(
          await client.get(`${control}/info`, [['harp-shared-key', 'wrong-f00dbabe']]),
          401,
          '401 Unauthorized',
        )
        await gateway.waitForOutput(/401|unauthorized/i)

        const told = [
          secrets.key,
          secrets.token,
          session[1].split('=')[1] ?? '',
          basic[1].slice(6),
          'wrong-f00dbabe',
        ]
        const encoded = [secrets.token, `alice:${secrets.token}`, `:${secrets.token}`].map((each) =>
          Buffer.from(each).toString('base64').slice(0, 24),
        )
        for (const secret of [...told, ...encoded]) {
          assert.ok(!gateway.output.includes(secret), `the output contains ${secret}`)
        }
      } finally {
        await gateway.stop()
        await nextcloud.stop()
      }
    },
  },
  {
    row: 'W39',
    title: 'the TLS port opens when a certificate appears, and a broken one changes nothing',
    profile: 'own',
    async run(scene) {
      const [gateway, own] = await startOwn(scene)
      try {
        const made = makeSelfSigned()
        const endpoint = { host: '127.0.0.1', port: gateway.place.ports.https, tls: { ca: made.cert } }
        const attempt = (): Promise<RawConnection | undefined> =>
          RawConnection.open(endpoint).catch(() => undefined)
        assert.equal(await attempt(), undefined, 'closed without a certificate')

        await writeFile(join(gateway.place.certsDir, 'cert.pem'), made.pem)
        await using connection = await eventually('the TLS port', attempt, {
          timeoutMs: 10_000,
          everyMs: 200,
        })
        await writeFile(join(gateway.place.certsDir, 'cert.pem'), 'this is no certificate')
        gateway.program.signal('SIGHUP')
        await gateway.waitForOutput(/cert/i)

        const app = own.newApp()
        await connection.sendRequest({ target: app.path('/public') })
        expectEcho(await connection.readOutcome())
        await using second = await eventually('a second TLS connection', attempt)
        await second.sendRequest({ target: app.path('/public') })
        expectEcho(await second.readOutcome())
      } finally {
        await gateway.stop()
      }
    },
  },
  {
    row: 'W42',
    title: 'a redirect of Nextcloud to another host is not followed with the key, one to itself is',
    profile: 'default',
    async run(scene) {
      const elsewhere = await FakeNextcloud.start({ key: scene.settings.key })
      try {
        const query = (id: string): string => `/index.php/apps/app_api/harp/exapp-meta?appId=${id}`
        const home = scene.newApp()
        const redirect = (location: string): void =>
          scene.nextcloud.setApp(from.id, {
            record: from.record,
            metaAnswer: { kind: 'reply', status: 302, headers: { location } },
          })
        const from = scene.newApp()

        for (const host of ['localhost', '127.0.0.2', 'elsewhere.invalid']) {
          redirect(`http://${host}:${elsewhere.port}${query(from.id)}`)
          const outcome = await scene.newClient().get(from.path('/public'))
          assert.ok(outcome.kind === 'response' && [404, 503].includes(outcome.response.status), host)
        }
        redirect(`http://127.0.0.1:${elsewhere.port}${query(from.id)}`)
        await scene.newClient().get(from.path('/public'))
        for (const call of elsewhere.calls()) expectNoHeader(call.headers, 'harp-shared-key')

        redirect(query(home.id))
        expectEcho(await scene.newClient().get(from.path('/public')))
      } finally {
        await elsewhere.stop()
      }
    },
  },
]

/** The TCP ports a process listens on (Linux). */
async function listeningPorts(pid: number): Promise<number[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(
    descriptors.map((each) => readlink(`/proc/${pid}/fd/${each}`).catch(() => 'gone')),
  )
  const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')),
  )
  const ports = new Set<number>()
  for (const line of tables.join('\n').split('\n')) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    if (state === '0A' && inodes.has(inode)) ports.add(Number.parseInt(local.split(':')[1] ?? '', 16))
  }
  return [...ports]
}
