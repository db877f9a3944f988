/** 1 GiB each way, byte for byte, with memory that stays flat. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { mebibyte, residentBytes } from '../integration/stage.ts'
import { BulkBytes } from './bulk-bytes.ts'
import { TunnelStage } from './tunnel-stage.ts'

/** Serves `GET …?size=` and checks what is posted to it. */
async function startBulkApp(): Promise<Server & { readonly port: number }> {
  const server = createServer((incoming, response) => {
    if (incoming.method === 'POST') {
      const size = Number(incoming.headers['content-length'])
      void check(incoming, size).then((verdict) => response.end(verdict))
    } else {
      const size = Number(new URL(incoming.url ?? '', 'http://x').searchParams.get('size'))
      response.setHeader('content-length', size)
      feed(response, size)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(server, { port: (server.address() as AddressInfo).port })
}

function feed(to: ServerResponse | ReturnType<typeof request>, sizeBytes: number): void {
  const body = new BulkBytes(sizeBytes)
  const write = (): void => {
    // NOTE: the generator uses its block again, so each write has a copy.
    while (!body.isDone) if (!to.write(Buffer.from(body.next()))) return void to.once('drain', write)
    to.end()
  }
  write()
}

async function check(from: IncomingMessage, sizeBytes: number): Promise<string> {
  const expected = new BulkBytes(sizeBytes)
  for await (const chunk of from) {
    const { position } = expected
    if (!expected.matches(chunk as Buffer)) {
      return `wrong within the ${(chunk as Buffer).length} bytes from ${position}`
    }
  }
  return expected.isDone ? 'exact' : `short: ${expected.position} bytes`
}

async function download(stage: TunnelStage, path: string, size: number): Promise<string> {
  const { port } = stage.endpoint
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  request({ port, host: '127.0.0.1', path: `${path}/down?size=${size}` }, (response) => {
    check(response, size).then(resolve, reject)
  })
    .on('error', reject)
    .end()
  return promise
}

async function upload(stage: TunnelStage, path: string, size: number): Promise<string> {
  const { port } = stage.endpoint
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const sending = request(
    { port, host: '127.0.0.1', path: `${path}/up`, method: 'POST', headers: { 'content-length': size } },
    (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve(text)).once('error', reject)
    },
  ).on('error', reject)
  feed(sending, size)
  return promise
}

const ways = [
  ['down', download],
  ['up', upload],
] as const

test.each([
  ['our client', 1_024],
  ['the stand-in frpc', 100],
] as const)('bytes through gateway, TLS and %s arrive exactly, %i MiB each way', async (who, size) => {
  await using stage = await TunnelStage.open({ tls: true })
  const server = await startBulkApp()
  stage.own(() => server.close())
  const path = stage.addApp('app', 23_001)
  const options = { localPort: server.port }
  const client =
    who === 'our client' ? await stage.startClient(options) : (await stage.standIn(options), null)
  await stage.untilServed(path)

  for (const [way, move] of ways) {
    const before = await residentBytes(stage.pid)
    let most = before
    let clientMost = 0
    const sample = async (): Promise<void> => {
      most = Math.max(most, await residentBytes(stage.pid))
      if (client !== null) clientMost = Math.max(clientMost, await residentBytes(client.pid))
    }
    const sampling = setInterval(() => void sample(), 200)
    const startedAt = performance.now()
    const verdict = await move(stage, path, size * mebibyte)
    const seconds = (performance.now() - startedAt) / 1_000
    clearInterval(sampling)
    const mib = (bytes: number): string => (bytes / mebibyte).toFixed(0)
    console.log(
      `${size} MiB ${way} through ${who}: ${((size * mebibyte) / 1e6 / seconds).toFixed(0)} MB/s; ` +
        `gateway ${mib(before)} MiB before, ${mib(most)} MiB at most` +
        (client === null ? '' : `, client ${mib(clientMost)} MiB at most`),
    )
    expect(verdict).toBe('exact')
    expect(most).toBeLessThan(256 * mebibyte)
    expect(clientMost).toBeLessThan(256 * mebibyte)
  }
})
