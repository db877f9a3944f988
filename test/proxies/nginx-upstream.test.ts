/** An ExApp that is served by a real nginx, behind the gateway: what the gateway reads is not only our own writing. */
// oxlint-disable vitest/no-standalone-expect -- `test` comes from realPart: a vitest test with a skip rule
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect } from 'vitest'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { freePorts } from '../support/free-ports.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { headerValue } from '../support/http1-wire.ts'
import { type Endpoint, RawConnection, type RawRequest, type RawResponse } from '../support/raw-http.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { recordOf } from './backstage.ts'
import { chunkedUpload, request } from './front-checks.ts'
import { FrontProcess } from './front-process.ts'
import { tempPaths } from './fronts.ts'

const fileBytes = 8 * 1024 * 1024

interface Stage {
  readonly endpoint: Endpoint
  readonly file: Buffer
  readonly directory: string
  stop(): Promise<void>
}

describe('an ExApp served by nginx', () => {
  const test = realPart('nginx', () => isCommandInstalled('nginx'))
  let starting: Promise<Stage> | undefined
  const stage = (): Promise<Stage> => (starting ??= startStage())
  afterAll(async () => {
    await (await starting)?.stop()
  })

  const get = async (target: string, wanted: Partial<RawRequest> = {}): Promise<RawResponse> =>
    request((await stage()).endpoint, { ...wanted, target: `/exapps/foo/public/${target}` })

  test('a file arrives whole, with its validators', async () => {
    const { file } = await stage()

    const response = await get('file.bin')

    expect(response.status).toBe(200)
    expect(response.body.equals(file)).toBe(true)
    expect(headerValue(response.headers, 'etag')).toBeDefined()
    expect(headerValue(response.headers, 'server')).toMatch(/^nginx/)
  })

  test('a range, a conditional request and HEAD are answered by the app', async () => {
    const { file } = await stage()
    const etag = headerValue((await get('file.bin', { method: 'HEAD' })).headers, 'etag') ?? ''

    const range = await get('file.bin', { headers: [['Range', 'bytes=1000-1999']] })
    const unchanged = await get('file.bin', { headers: [['If-None-Match', etag]] })
    const head = await get('file.bin', { method: 'HEAD' })

    expect(range.status).toBe(206)
    expect(range.body.equals(file.subarray(1000, 2000))).toBe(true)
    expect([unchanged.status, unchanged.body.length]).toEqual([304, 0])
    expect([headerValue(head.headers, 'content-length'), head.body.length]).toEqual([String(fileBytes), 0])
  })

  test('a compressed answer of unknown length arrives as nginx made it', async () => {
    const plain = await get('page.txt', { headers: [['Accept-Encoding', 'identity']] })
    const compressed = await get('page.txt', { headers: [['Accept-Encoding', 'gzip']] })

    expect(headerValue(compressed.headers, 'content-encoding')).toBe('gzip')
    expect(compressed.framing.kind).toBe('chunked')
    expect(compressed.body.length).toBeLessThan(plain.body.length)
    const text = new Response(new Uint8Array(compressed.body)).body?.pipeThrough(
      new DecompressionStream('gzip'),
    )
    expect(await new Response(text).text()).toBe(plain.body.toString())
  })

  test("the app's own error pages and redirects pass untouched", async () => {
    const missing = await get('nothing')
    const moved = await get('moved')

    expect(missing.status).toBe(404)
    expect(missing.body.toString()).toContain('nginx')
    expect(headerValue(moved.headers, 'location')).toBe('https://elsewhere.example/x?y=1')
  })

  test('a chunked upload is stored byte for byte', async () => {
    const { endpoint, directory } = await stage()

    const up = await chunkedUpload(endpoint, '/exapps/foo/public/dav/upload.bin', 100)

    expect(up.response.status).toBe(201)
    const stored = await readFile(join(directory, 'www/public/dav/upload.bin'))
    expect(createHash('sha256').update(stored).digest('hex')).toBe(up.sha256)
  })

  test('hundreds of requests over one client connection are all answered, also when nginx closes its own', async () => {
    const { endpoint } = await stage()
    await using connection = await RawConnection.open(endpoint)

    const statuses = new Map<number, number>()
    for (let at = 0; at < 300; at += 1) {
      await connection.sendRequest({ target: `/exapps/foo/public/small.txt?${at}` })
      const outcome = await connection.readOutcome()
      const status = outcome.kind === 'response' ? outcome.response.status : 0
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }

    expect([...statuses]).toEqual([[200, 300]])
  })
})

async function startStage(): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'harp-app-'))
  const file = randomBytes(fileBytes)
  await mkdir(join(directory, 'www/public/dav'), { recursive: true })
  await writeFile(join(directory, 'www/public/file.bin'), file)
  await writeFile(join(directory, 'www/public/small.txt'), 'small')
  await writeFile(join(directory, 'www/public/page.txt'), 'the same line again and again\n'.repeat(20_000))
  const [port = 0] = await freePorts(1)
  // NOTE: keepalive_requests 7 makes nginx close every seventh time, with `Connection: close` in the answer.
  await writeFile(
    join(directory, 'nginx.conf'),
    `worker_processes 1; daemon off; master_process off; pid ${directory}/nginx.pid; error_log stderr;
    events { worker_connections 256; }
    http {
      access_log off; ${tempPaths(directory)}
      server {
        listen 127.0.0.1:${port}; root ${directory}/www; keepalive_requests 7; keepalive_timeout 1s;
        gzip on; gzip_types text/plain; client_max_body_size 0;
        location /public/moved { return 302 https://elsewhere.example/x?y=1; }
        location /public/dav/ { dav_methods PUT; }
      }
    }`,
  )
  const args = ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')]
  const app = await FrontProcess.start({ program: 'nginx', args, cwd: directory, port })
  const nextcloud = await FakeNextcloud.start()
  nextcloud.setApp('foo', recordOf(port))
  const gateway = await GatewayProcess.start(nextcloud.url)
  return {
    endpoint: { host: gateway.host, port: gateway.port },
    file,
    directory,
    async stop() {
      await gateway.stop()
      await nextcloud.stop()
      await app.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
