import { X509Certificate } from 'node:crypto'
import { connect, createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { makeSelfSigned } from './self-signed.ts'

test('a made certificate is accepted by a TLS client that trusts it, for its names', async () => {
  const made = makeSelfSigned({ commonName: 'gateway.test', names: ['gateway.test', '127.0.0.1'] })
  const server = createServer({ cert: made.cert, key: made.key }, (socket) => socket.end('hi'))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  const authorized = await new Promise<boolean>((resolve, reject) => {
    const client = connect({ port, host: '127.0.0.1', servername: 'gateway.test', ca: made.cert }, () => {
      resolve(client.authorized)
      client.destroy()
    })
    client.once('error', reject)
  })
  server.close()

  expect(authorized).toBe(true)
})

test('the validity of a made certificate is the one asked for', () => {
  const notAfter = new Date('2020-02-03T04:05:06Z')
  const parsed = new X509Certificate(makeSelfSigned({ notBefore: new Date('2020-01-01'), notAfter }).cert)

  expect(new Date(parsed.validTo)).toEqual(notAfter)
  expect(parsed.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1')
})
