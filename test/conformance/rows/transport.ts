/** Contract 9.8: long connections, large bodies, HTTP/2 and TLS. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { WebSocket } from 'ws'
import { deadlineIn, elapse, eventually, WaitTimeout, within } from '../../support/deadline.ts'
import { RawConnection } from '../../support/raw-http.ts'
import { makeSelfSigned } from '../../support/self-signed.ts'
import { expectEcho, expectHeader, expectStatus } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { Scene, TestApp, TestClient } from '../scene.ts'
import { startOwn } from './process.ts'

const mebibyte = 1024 * 1024

/** A WebSocket through the gateway to the stand-in's echo. */
export async function openWebSocket(scene: Scene, app: TestApp, client: TestClient): Promise<WebSocket> {
  const { host, port } = scene.target
  const socket = new WebSocket(`ws://${host}:${port}${app.path('/public')}`, {
    headers: { 'x-forwarded-for': client.address },
  })
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('open', resolve).once('error', reject)
  })
  await within(opened, deadlineIn(5_000, 'the WebSocket to open'))
  return socket
}

export async function echoOf(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const echoed = new Promise<Buffer>((resolve, reject) => {
    socket.once('message', (data: Buffer) => resolve(data))
    socket.once('close', () => reject(new Error('the WebSocket was closed')))
  })
  socket.send(message)
  return within(echoed, deadlineIn(10_000, 'the echo'))
}

async function waitForClose(socket: WebSocket, timeoutMs: number): Promise<number> {
  const startedAt = performance.now()
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })
  await within(closed, deadlineIn(timeoutMs, 'the WebSocket to be closed'))
  return performance.now() - startedAt
}

async function expectTunnelTimeout(scene: Scene, timeoutMs: number): Promise<void> {
  const socket = await openWebSocket(scene, scene.newApp(), scene.newClient())
  try {
    // NOTE: longer than the client timeout of the profile, shorter than the tunnel's.
    await elapse(timeoutMs * 0.6)
    assert.equal((await echoOf(socket, 'still here')).toString(), 'still here')

    const closedAfterMs = await waitForClose(socket, timeoutMs + 3_000)

    assert.ok(closedAfterMs >= timeoutMs * 0.8, `closed after ${closedAfterMs} ms`)
  } finally {
    socket.terminate()
  }
}

function openHttp2(url: string, options: SecureClientSessionOptions = {}): ClientHttp2Session {
  // NOTE: a session that fails tells its streams, which is where a row hears of it.
  return connect(url, options).on('error', () => undefined)
}

async function http2Get(
  session: ClientHttp2Session,
  path: string,
  address: string,
): Promise<[number, string]> {
  const stream = session.request({ ':path': path, 'x-forwarded-for': address })
  const answer = (async (): Promise<[number, string]> => {
    const status = await new Promise<number>((resolve, reject) => {
      stream.once('response', (headers) => resolve(Number(headers[':status']))).once('error', reject)
    })
    let body = ''
    for await (const chunk of stream.setEncoding('utf8')) body += String(chunk)
    return [status, body]
  })()
  return within(answer, deadlineIn(5_000, 'an HTTP/2 response'))
}

async function expectBoundedMemory(scene: Scene, before: number): Promise<void> {
  if (scene.settings.gateway === undefined) return
  const grown = (await scene.settings.gateway.peakMemoryBytes()) - before
  assert.ok(grown < 160 * mebibyte, `memory grew by ${Math.round(grown / mebibyte)} MiB`)
}

export const transportRows: readonly Row[] = [
  {
    row: 155,
    title: 'an idle WebSocket outlives the client timeout and ends with the tunnel timeout',
    profile: 'short-timeouts',
    run: (scene) => expectTunnelTimeout(scene, 1_200),
  },
  {
    row: 155,
    title: 'without a tunnel timeout the server timeout ends an idle WebSocket',
    profile: 'no-session-cache',
    run: (scene) => expectTunnelTimeout(scene, 900),
  },
  {
    row: 155,
    title: 'a tunnel timeout of 0s is none',
    profile: 'endless-tunnel',
    async run(scene) {
      const socket = await openWebSocket(scene, scene.newApp(), scene.newClient())
      try {
        await elapse(2_000)
        assert.equal((await echoOf(socket, 'still here')).toString(), 'still here')
      } finally {
        socket.terminate()
      }
    },
  },
  {
    row: 156,
    title: 'server-sent events come at once and may pause longer than the client timeout',
    profile: 'short-timeouts',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      await using connection = await client.open()
      await connection.sendRequest(client.prepare({ target: app.path('/public?do=sse&count=3&gap=900') }))

      const head = await connection.readHead()
      assert.equal(head?.status, 200)
      const arrivals: number[] = []
      let text = ''
      for await (const piece of connection.body(head)) {
        arrivals.push(performance.now())
        text += piece.toString()
      }

      assert.equal(text, 'data: 1\n\ndata: 2\n\ndata: 3\n\n')
      assert.equal(arrivals.length, 3, 'one arrival for each event')
      const [first = 0, second = 0, third = 0] = arrivals
      assert.ok(second - first > 600 && third - second > 600, `arrivals ${arrivals.join(', ')}`)
    },
  },
  {
    row: 157,
    title: 'a large download waits for a slow client and arrives whole in bounded memory',
    profile: 'default',
    timeoutMs: 60_000,
    async run(scene) {
      const size = 256 * mebibyte
      const app = scene.newApp()
      const client = scene.newClient()
      const before = (await scene.settings.gateway?.peakMemoryBytes()) ?? 0
      await using connection = await client.open()
      await connection.sendRequest(client.prepare({ target: app.path(`/public?do=bytes&size=${size}`) }))

      const request = await scene.exapp.waitForRequest((each) => app.received().includes(each))
      await settled(() => request.sentBytes)
      const sentUnread = request.sentBytes
      const head = await connection.readHead()
      assert.equal(head?.status, 200)
      let received = 0
      for await (const piece of connection.body(head)) received += piece.length

      assert.equal(received, size)
      assert.ok(sentUnread < 64 * mebibyte, `${sentUnread} bytes sent to a client that read nothing`)
      await expectBoundedMemory(scene, before)
    },
  },
  {
    row: 157,
    title: 'a large chunked upload waits for a slow app and arrives whole in bounded memory',
    profile: 'default',
    timeoutMs: 60_000,
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      const before = (await scene.settings.gateway?.peakMemoryBytes()) ?? 0
      const total = 256
      const chunk = Buffer.concat([
        Buffer.from('100000\r\n'),
        Buffer.alloc(mebibyte, 'u'),
        Buffer.from('\r\n'),
      ])
      await using connection = await client.open()
      const target = app.path(`/public?do=hold&tag=${app.id}`)
      await connection.sendRequest(
        client.prepare({ method: 'PUT', target, headers: [['Transfer-Encoding', 'chunked']] }),
      )
      await scene.exapp.waitForRequest((each) => app.received().includes(each))

      let sent = 0
      let stalledAfter: number | undefined
      for (; sent < total; sent += 1) {
        const written = new Promise<void>((resolve) => {
          connection.socket.write(chunk, () => resolve())
        })
        if (stalledAfter === undefined && !(await isDoneWithin(written, 600))) {
          stalledAfter = sent
          scene.exapp.release(app.id)
        }
        await within(written, deadlineIn(10_000, 'the upload to go on'))
      }
      await connection.send('0\r\n\r\n')
      const outcome = await connection.readOutcome({ method: 'PUT', timeoutMs: 20_000 })

      const seen = JSON.parse(expectStatus(outcome, 200).body.toString()) as { bodyBytes: number }
      assert.equal(seen.bodyBytes, total * mebibyte)
      assert.ok(stalledAfter !== undefined && stalledAfter < 64, `stalled after ${stalledAfter} MiB`)
      await expectBoundedMemory(scene, before)
    },
  },
  {
    row: 158,
    title: 'HTTP/2 in clear text by prior knowledge works on the plain port',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      const session = openHttp2(`http://${scene.target.host}:${scene.target.port}`)
      try {
        const answers = await Promise.all([
          http2Get(session, app.path('/public?n=1'), client.address),
          http2Get(session, app.path('/public?n=2'), client.address),
          http2Get(session, app.path('/user'), client.address),
        ])

        assert.deepEqual(
          answers.map(([status]) => status),
          [200, 200, 403],
        )
        const [request] = app.received()
        assert.match(request?.requestLine ?? '', /^GET \/public\?n=[12] HTTP\/1\.1$/)
        expectHeader(request?.headers ?? [], 'host', `${scene.target.host}:${scene.target.port}`)
        assert.equal(await client.failures(), 1, 'failures')
      } finally {
        session.destroy()
      }
    },
  },
  {
    row: 159,
    title: 'with cert.pem the TLS port serves both protocols, and SIGHUP brings a new certificate',
    profile: 'own',
    timeoutMs: 30_000,
    async run(scene) {
      const [gateway, own] = await startOwn(scene)
      try {
        const [first, second] = [makeSelfSigned(), makeSelfSigned()]
        await install(gateway.place.certsDir, first.pem)
        const app = own.newApp()
        const secure = { host: '127.0.0.1', port: gateway.place.ports.https }
        const open = (alpn: string[]): Promise<RawConnection> =>
          RawConnection.open({ ...secure, tls: { ca: [first.cert, second.cert], ALPNProtocols: alpn } })
        await using kept = await eventually(
          'the TLS port (W39)',
          () => open(['http/1.1']).catch(() => undefined),
          {
            timeoutMs: 10_000,
          },
        )
        assert.equal(certificateOf(kept), fingerprint(first.cert))
        const ask = async (connection: RawConnection): Promise<void> => {
          await connection.sendRequest({ target: app.path('/public') })
          expectEcho(await connection.readOutcome())
        }
        await ask(kept)
        const session = openHttp2(`https://127.0.0.1:${secure.port}`, { ca: first.cert })
        try {
          assert.equal((await http2Get(session, app.path('/public'), '100.64.0.1'))[0], 200)
          assert.equal((session.socket as TLSSocket).alpnProtocol, 'h2')
        } finally {
          session.destroy()
        }

        await install(gateway.place.certsDir, second.pem)
        gateway.program.signal('SIGHUP')
        await eventually('the new certificate', async () => {
          await using connection = await open(['http/1.1'])
          return certificateOf(connection) === fingerprint(second.cert) ? true : undefined
        })
        await ask(kept)
      } finally {
        await gateway.stop()
      }
    },
  },
]

function install(certsDir: string, pem: string): Promise<void> {
  return writeFile(join(certsDir, 'cert.pem'), pem)
}

function certificateOf(connection: RawConnection): string {
  assert.ok(connection.socket instanceof TLSSocket)
  return connection.socket.getPeerCertificate().fingerprint256
}

function fingerprint(cert: string): string {
  return new X509Certificate(cert).fingerprint256
}

/** Resolves when a counter has stood still for 300 ms. */
async function settled(counter: () => number): Promise<void> {
  let last = -1
  await eventually(
    'a counter to stand still',
    () => {
      const now = counter()
      const isStill = now === last
      last = now
      return isStill ? true : undefined
    },
    { timeoutMs: 20_000, everyMs: 300 },
  )
}

async function isDoneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await within(work, deadlineIn(ms, 'a stall'))
    return true
  } catch (error) {
    if (error instanceof WaitTimeout) return false
    throw error
  }
}
