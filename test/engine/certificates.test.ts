/** Certificates in real containers: who can read them, who is trusted with them, and that the app is not started for it. */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect } from 'vitest'
import { makeSelfSigned, type SelfSigned } from '../support/self-signed.ts'
import { createBody } from './app-api.ts'
import { canRunEngine, engineTest } from './docker-daemon.ts'
import { EngineStage } from './engine-stage.ts'
import { importSampleImage } from './sample-image.ts'
import { chat } from './visitor.ts'

let stage: EngineStage
let nextcloud: { readonly port: number; readonly certificate: SelfSigned; readonly server: Server }
let other: typeof nextcloud
/** More than HaRP took in one request (W28). */
let bundle = ''

beforeAll(async () => {
  if (!canRunEngine()) return
  ;[stage, nextcloud, other] = await Promise.all([EngineStage.open(), tlsServer(), tlsServer()])
  await importSampleImage(stage.engine, 'sample')
  // As many authorities as in a real bundle, and comments.
  const others = Array.from({ length: 140 }, () => `${'#'.repeat(8_000)}\n${makeSelfSigned().cert}`)
  bundle = `${others.join('\n')}\n${nextcloud.certificate.cert}`
}, 120_000)

afterAll(async () => {
  for (const each of [nextcloud, other]) each?.server.close()
  await stage?.[Symbol.asyncDispose]()
}, 60_000)

/** An address with a certificate that nobody knows. */
async function tlsServer(): Promise<typeof nextcloud> {
  const certificate = makeSelfSigned()
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (_request, response) => {
    response.setHeader('connection', 'close').end('trusted')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  return { port: (server.address() as AddressInfo).port, certificate, server }
}

/** What a program in the container says to a server of ours: OpenSSL's way of finding authorities, or the bundle. */
async function visitFrom(
  container: string,
  port: number,
  how: '--use-openssl-ca' | '--use-system-ca',
): Promise<string> {
  const script = `fetch('https://127.0.0.1:${port}/').then((r) => r.text(), (e) => e.cause.code).then(console.log)`
  const program = ['node', how, '-e', script]
  return (await stage.engine.execute(container, program)).trim()
}

for (const [variant, uid] of [
  ['root', '0'],
  ['user', '1000'],
] as const) {
  engineTest(`an image whose user is ${uid} gets its certificates before it starts`, async () => {
    const { appApi, engine, gateway } = stage
    const id = `from${variant}`
    const container = `nc_app_${id}`
    const image = `sample:${variant}`
    const app = stage.app(id, { image, port: variant === 'root' ? 23_101 : 23_102 })
    expect((await appApi.docker('create', createBody(app, image))).status).toBe(201)

    const installed = await appApi.docker('install_certificates', {
      name: id,
      instance_id: '',
      system_certs_bundle: bundle,
      install_frp_certs: true,
    })

    expect([installed.status, installed.text]).toEqual([204, ''])
    expect(bundle.length).toBeGreaterThan(1_048_576)
    const { State: state } = (await engine.call('GET', `/containers/${container}/json`)).json() as {
      readonly State: { readonly Status: string; readonly StartedAt: string }
    }
    expect(state).toMatchObject({ Status: 'created', StartedAt: expect.stringMatching(/^0001/) })

    expect((await appApi.docker('start', { name: id })).status).toBe(204)

    expect(await engine.execute(container, ['stat', '-c', '%u %a', '/certs/frp/client.key'])).toBe(
      `${uid} 600\n`,
    )
    expect(await engine.execute(container, ['id', '-u'])).toBe(`${uid}\n`)
    for (const how of ['--use-openssl-ca', '--use-system-ca'] as const) {
      expect(await visitFrom(container, nextcloud.port, how)).toBe('trusted')
      expect(await visitFrom(container, other.port, how)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    }
    await appApi.enable(app)
    expect(await chat(gateway.url, id, 'over mutual TLS')).toBe('over mutual TLS')
    expect(await engine.execute(container, ['cat', '/frpc.toml'])).toContain('transport.tls.enable = true')
  })
}

engineTest(
  'a running container trusts a new bundle through its own program, and again after a repetition',
  async () => {
    const { appApi, engine } = stage
    const app = stage.app('running', { image: 'sample:user', port: 23_103 })
    await appApi.deployPulled(app, 'sample:user')
    const install = async (): Promise<number> => {
      const body = {
        name: 'running',
        system_certs_bundle: nextcloud.certificate.cert,
        install_frp_certs: true,
      }
      return (await appApi.docker('install_certificates', body)).status
    }
    expect(await visitFrom('nc_app_running', nextcloud.port, '--use-system-ca')).toBe(
      'DEPTH_ZERO_SELF_SIGNED_CERT',
    )

    expect([await install(), await install()]).toEqual([204, 204])

    expect(await visitFrom('nc_app_running', nextcloud.port, '--use-system-ca')).toBe('trusted')
    expect(await engine.execute('nc_app_running', ['stat', '-c', '%u %a', '/certs/frp/client.key'])).toBe(
      '1000 600\n',
    )
    expect(await engine.execute('nc_app_running', ['id', '-u'])).toBe('1000\n')
  },
)
