/** Certificates that are foreign, expired, not yet valid or missing: not a byte is answered, and the operator is told. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueAuthority, issueLeaf, makeKey } from '../../src/gateway/certificates/issue.ts'
import { openSockets, untilSockets } from '../integration/stage.ts'
import { makeSelfSigned } from '../support/self-signed.ts'
import { overview } from './overview.ts'
import { TunnelStage } from './tunnel-stage.ts'

const dayMs = 86_400_000

interface Identity {
  readonly cert?: string
  readonly key?: string
}

let stage: TunnelStage
let identities: Record<string, Identity>

beforeAll(async () => {
  stage = await TunnelStage.open({ tls: true })
  const read = (name: string): Promise<string> => readFile(join(stage.place.certsDir, 'frp', name), 'utf8')
  const [caCert, caKey, key] = [await read('ca.crt'), await read('ca.key'), await makeKey()]
  const issuer = { certificate: new X509Certificate(caCert), key: createPrivateKey(caKey) }
  const now = Date.now()
  // An authority with the names of the gateway's own, and another key.
  const otherKey = await makeKey()
  const otherCert = await issueAuthority({ key: otherKey, isFurther: false, now, days: 100 })
  const other = { certificate: new X509Certificate(otherCert), key: createPrivateKey(otherKey) }
  // NOTE: a leaf is never valid beyond its issuer, so the expired one's issuer is made older with the same key.
  const oldCert = await issueAuthority({ key: caKey, isFurther: false, now: now - 200 * dayMs, days: 5_000 })
  const old = { certificate: new X509Certificate(oldCert), key: issuer.key }
  identities = {
    'no certificate': {},
    'a self-signed one with the right names': makeSelfSigned({
      commonName: 'harp.client.nc',
      names: ['harp.client.nc'],
    }),
    'one of an authority of the same name': {
      cert: await issueLeaf({ kind: 'client', key, issuer: other, now, days: 100 }),
      key,
    },
    'one that expired': {
      cert: await issueLeaf({ kind: 'client', key, issuer: old, now: now - 100 * dayMs, days: 50 }),
      key,
    },
    'one that expired a minute ago': {
      cert: await issueLeaf({ kind: 'client', key, issuer: old, now: now - 10 * dayMs - 60_000, days: 10 }),
      key,
    },
    'one that is not valid yet': {
      cert: await issueLeaf({ kind: 'client', key, issuer, now: now + 10 * dayMs, days: 100 }),
      key,
    },
    'that authority itself': { cert: otherCert, key: otherKey },
  }
}, 60_000)

afterAll(() => stage[Symbol.asyncDispose]())

/** How many bytes are answered to the beginning of a session, and whether the connection ends. */
async function knock(identity: Identity, version: 'TLSv1.2' | 'TLSv1.3'): Promise<number> {
  const socket = connect({
    port: stage.place.ports.frp,
    host: '127.0.0.1',
    ...identity,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  })
  let received = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (received += chunk.length))
  // A yamux stream is acknowledged where it is admitted.
  socket.write(Buffer.from('000100010000000100000000', 'hex'))
  await promise
  return received
}

test('every one is refused with both versions of TLS, and named in the overview', async () => {
  const before = await openSockets(stage.pid)
  for (const [what, identity] of Object.entries(identities)) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await knock(identity, version), `${what}, ${version}`).toBe(0)
    }
  }
  const { refused } = await overview(stage)
  const problems = new Set(refused.map(({ problem }) => problem))
  expect(refused.length).toBeGreaterThanOrEqual(Object.keys(identities).length * 2)
  expect([...problems].filter((problem) => !problem.includes('certificate'))).toEqual([])
  expect([...problems].some((problem) => /expired/i.test(problem))).toBe(true)
  await untilSockets(stage.pid, before)
})

test('the right one is admitted all the while', async () => {
  const path = stage.addApp('app', 23_001)
  await stage.standIn()

  expect(await stage.untilServed(path)).toBeLessThan(10_000)
})
