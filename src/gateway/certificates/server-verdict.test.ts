import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { beforeAll, expect, test } from 'vitest'
import { makeAnonymousLeaf, type AnonymousLeafOptions } from '../../../test/support/anonymous-leaf.ts'
import { issueAuthority, issueLeaf, makeKey } from './issue.ts'
import { FrpFiles } from './frp-files.ts'
import { judgedAfterHandshake, serverProblem, type ExpectedServer } from './server-verdict.ts'

const dayMs = 86_400_000
const now = Date.now()

interface Signing {
  readonly cert: string
  readonly key: string
}

let own: Signing
let foreign: Signing
let expired: Signing
let leafKey: string

beforeAll(async () => {
  const keys = await Promise.all([makeKey(), makeKey(), makeKey()])
  const authority = async (key: string, options: { now: number; days: number }): Promise<Signing> => ({
    key,
    cert: await issueAuthority({ key, isFurther: false, ...options }),
  })
  own = await authority(keys[0], { now, days: 100 })
  foreign = await authority(keys[1], { now, days: 100 })
  expired = await authority(keys[0], { now: now - 20 * dayMs, days: 10 })
  leafKey = keys[2]
})

const anonymousLeaf = (
  signedBy: string,
  options: Partial<Omit<AnonymousLeafOptions, 'signedBy'>> = {},
): Promise<string> => makeAnonymousLeaf({ key: leafKey, signedBy, ...options })

async function usualLeaf(signedBy: Signing): Promise<string> {
  const files = new FrpFiles(
    '',
    new Map([
      ['ca.crt', signedBy.cert],
      ['ca.key', signedBy.key],
    ]),
  )
  return issueLeaf({ kind: 'server', key: leafKey, issuer: files.issuer(), now, days: 10 })
}

/** What a client says to a server with this certificate; null: it accepts. */
async function verdict(cert: string, expectation: Partial<ExpectedServer> = {}): Promise<string | null> {
  const server = tls.createServer({ cert, key: leafKey }, (socket) => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { name = 'harp.nc', authorities = own.cert } = expectation
  const socket = tls.connect({ port, host: '127.0.0.1', ca: authorities, ...judgedAfterHandshake })
  try {
    await once(socket, 'secureConnect')
    const problem = serverProblem(socket, { name, authorities, now, ...expectation })
    return problem === null ? null : String((problem as NodeJS.ErrnoException).code)
  } finally {
    socket.destroy()
    server.close()
  }
}

test('a server of the CA is accepted, one of another CA or for another name is not', async () => {
  expect(await verdict(await usualLeaf(own))).toBeNull()
  expect(await verdict(await usualLeaf(foreign))).not.toBeNull()
  expect(await verdict(await usualLeaf(own), { name: 'other.nc' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
})

test('a server with the name of its CA, and no word about whose key signed it, is accepted', async () => {
  const cert = await anonymousLeaf(own.key)

  expect(await verdict(cert)).toBeNull()
  // In the middle of a renewal the other CA may come first.
  expect(await verdict(cert, { authorities: foreign.cert + own.cert })).toBeNull()
})

test.each([
  ['signed by another CA of the same name', () => anonymousLeaf(foreign.key), () => ({})],
  ['signed by itself', () => anonymousLeaf(leafKey), () => ({})],
  ['too old', () => anonymousLeaf(own.key, { to: now - 1_000 }), () => ({})],
  ['not valid yet', () => anonymousLeaf(own.key, { from: now + dayMs / 2 }), () => ({})],
  ['of a CA that is too old', () => anonymousLeaf(own.key), () => ({ authorities: expired.cert })],
  ['for another name', () => anonymousLeaf(own.key, { name: 'evil.nc' }), () => ({})],
])('such a server is refused if it is %s', async (_what, leaf, expectation) => {
  expect(await verdict(await leaf(), expectation())).toMatch(/^(?:DEPTH|CERT|ERR_TLS)_/)
})
