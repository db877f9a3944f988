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

beforeAll(async () => {
  if (!canRunEngine()) return
  ;[stage, nextcloud, other] = await Promise.all([EngineStage.open(), tlsServer(), tlsServer()])
  await importSampleImage(stage.engine, 'sample')
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
async function visitFrom(container: string, port: number, how: '--use-openssl-ca' | '--use-system-ca'): Promise<string> {
  const script = `fetch('https://127.0.0.1:${port}/').then((r) => r.text(), (e) => e.cause.code).then(console.log)`
  const program = ['node', how, '-e', script]
  return (await stage.engine.execute(container, program)).trim()
}

engineTest.each ?? undefined
