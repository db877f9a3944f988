import { once } from 'node:events'
import http, { type Server } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../base/logger.ts'
import {
  closeOperatorServer,
  createOperatorServer,
  listenOperatorServer,
  textAnswer,
} from './operator-server.ts'

const servers: Server[] = []
const handled: string[] = []

afterEach(() => {
  for (const server of servers.splice(0)) closeOperatorServer(server)
  handled.length = 0
})

function create(ownName?: string): Server {
  const handle = ({ path }: { path: string }) => {
    handled.push(path)
    return textAnswer(200, 'ok')
  }
  const server = createOperatorServer(handle, silentLogger, ownName)
  servers.push(server)
  return server
}

const listen = (host: string): Promise<{ host: string; port: number }> =>
  listenOperatorServer(create(host), { host, port: 0 }, (error) => error, silentLogger)

interface Answer {
  readonly status: number | undefined
  readonly text: string
}

function ask(target: http.RequestOptions): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = http.get({ path: '/metrics', agent: false, ...target }, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (text += chunk))
    response.on('end', () => resolve({ status: response.statusCode, text }))
  })
  request.on('error', reject)
  return promise
}

/** What a page asks whose name leads to this machine: its own name is in the Host field. */
const askAs = (port: number, name: string): Promise<Answer> =>
  ask({ host: '127.0.0.1', port, headers: { host: name } })

describe('on loopback', () => {
  test.each([
    'localhost',
    'LocalHost:9100',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.8.9.1:1',
    '[::1]',
    '[::1]:9100',
  ])('Host %s is answered', async (name) => {
    const { port } = await listen('127.0.0.1')

    expect(await askAs(port, name)).toEqual({ status: 200, text: 'ok\n' })
  })

  test.each([
    'evil.example',
    'evil.example:9100',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '192.0.2.7:9100',
    '127.0.0.1@evil.example',
    '127.1',
    '[::1',
  ])('Host %s is refused, and nothing is handled', async (name) => {
    const { port } = await listen('127.0.0.1')

    const answer = await askAs(port, name)

    expect(answer.status).toBe(403)
    expect(answer.text).toMatch(/ask for localhost or 127\.0\.0\.1/)
    expect(handled).toEqual([])
  })

  test('the name that it was given to listen on is answered too', async () => {
    const server = create('Metrics.Example')
    await listenOperatorServer(server, { host: '127.0.0.1', port: 0 }, (error) => error, silentLogger)
    const { port } = server.address() as net.AddressInfo

    expect((await askAs(port, 'metrics.example:9100')).status).toBe(200)
    expect((await askAs(port, 'other.example:9100')).status).toBe(403)
  })

  test('a request of HTTP/1.0 has no Host, and no page can send one', async () => {
    const { port } = await listen('127.0.0.1')
    const socket = net.connect(port, '127.0.0.1')
    socket.end('GET /metrics HTTP/1.0\r\n\r\n')

    const [answer] = (await once(socket, 'data')) as [Buffer]

    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
  })
})

test('on all interfaces every Host is answered', async () => {
  const { port } = await listen('0.0.0.0')

  expect((await askAs(port, 'monitor.example:9100')).status).toBe(200)
})

test('on a Unix socket every Host is answered', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'harp-operator-'))
  const socketPath = join(directory, 'sock')
  const { promise, resolve } = Promise.withResolvers<undefined>()
  create().listen(socketPath, () => resolve(undefined))
  await promise

  expect((await ask({ socketPath, headers: { host: 'harp' } })).status).toBe(200)
  rmSync(directory, { recursive: true })
})
