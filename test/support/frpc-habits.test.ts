/** What the stand-in frpc does when the server is slow, silent or wrong, and when the test tells it to end. */
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from './deadline.ts'
import type { FrpcOptions } from './frpc-options.ts'
import { RetrySchedule } from './frpc-retry.ts'
import { FrpcStandIn } from './frpc-stand-in.ts'
import { TinyFrps } from './frps-tiny.ts'
import { makeSelfSigned } from './self-signed.ts'

const mebibyte = 1024 * 1024
const opened: { stop: () => Promise<unknown> }[] = []

afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.stop()
})

async function tinyFrps(): Promise<TinyFrps> {
  const frps = await TinyFrps.start()
  opened.push(frps)
  return frps
}

function frpc(port: number, options: Partial<FrpcOptions> = {}): FrpcStandIn {
  const standIn = FrpcStandIn.connect({
    server: { host: '127.0.0.1', port },
    tls: 'off',
    token: 'sekret',
    proxies: [{ name: 'test_app', remotePort: 23_001, target: { port: 9 } }],
    ...options,
  })
  opened.push(standIn)
  return standIn
}

/** A local target; the sockets in the order of coming. */
async function target(): Promise<{ port: number; socket: (index?: number) => Promise<Socket> }> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    sockets.push(socket)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  opened.push({
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  })
  const { port } = server.address() as AddressInfo
  return { port, socket: (index = 0) => eventually('a connection to the target', () => sockets[index]) }
}

function withTarget(port: number): Partial<FrpcOptions> {
  return { proxies: [{ name: 'test_app', remotePort: 23_001, target: { port } }] }
}

describe('windows of the stand-in frpc', () => {
  it('gives credit when 3 MiB were consumed, not earlier', async () => {
    const frps = await tinyFrps()
    const app = await target()
    frpc(frps.port, withTarget(app.port))
    const work = await frps.startWork('test_app')
    const socket = await app.socket()
    let received = 0
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    const chunk = Buffer.alloc(16 * 1024, 'x')
    const send = (chunks: number): void => {
      for (let count = 0; count < chunks; count += 1) frps.send(0, 'data', 0, work.id, chunk)
    }
    const credits = (): number[] =>
      frps.frames.filter((frame) => frame.type === 'window' && frame.flags === 0).map(({ length }) => length)
    send(191)
    await eventually('the target to get it', () => received === 191 * chunk.length || undefined)
    expect(credits()).toEqual([])
    send(1)
    await frps.frame('credit', (frame) => frame.type === 'window' && frame.flags === 0)
    // StartWorkConn was consumed as well.
    const start = 9 + '{"proxy_name":"test_app"}'.length
    expect(credits()).toEqual([3 * mebibyte + start])
  })

  it('stops where the window of the server ends, in frames of at most 16 KiB', async () => {
    const frps = await tinyFrps()
    frps.behaviour.givesCredit = false
    const app = await target()
    frpc(frps.port, withTarget(app.port))
    const work = await frps.startWork('test_app')
    const before = 9 + '{"run_id":"00112233aabbccdd"}'.length
    ;(await app.socket()).write(Buffer.alloc(mebibyte, 'y'))
    await eventually(
      'the window to be used up',
      () => work.receivedBytes + before === 256 * 1024 || undefined,
    )
    frps.send(0, 'window', 0, work.id, 1000)
    await eventually(
      'the credit to be used up',
      () => work.receivedBytes + before === 256 * 1024 + 1000 || undefined,
    )
    const sizes = frps.frames.filter(({ type, stream }) => type === 'data' && stream === work.id)
    expect(Math.max(...sizes.map(({ length }) => length))).toBe(16 * 1024)
  })
})

describe('the stand-in frpc ends its session', () => {
  it.each([
    ['when a ping is not answered', 'answersPings', 'keepalive timeout'],
    ['when a SYN is not acknowledged', 'acknowledges', 'stream open timeout'],
    ['when Login is not answered', 'answerLogin', 'no answer to Login'],
  ] as const)('%s', async (_when, missing, reason) => {
    const frps = await tinyFrps()
    Object.assign(frps.behaviour, { [missing]: missing === 'answerLogin' ? () => undefined : false })
    const client = frpc(frps.port, { timeScale: 0.001 })
    expect(await client.ended()).toBe(reason)
  })

  it('with GoAway when the server ends a stream twice', async () => {
    const frps = await tinyFrps()
    frps.behaviour.answersFin = false
    const app = await target()
    const client = frpc(frps.port, withTarget(app.port))
    const work = await frps.startWork('test_app')
    await app.socket()
    // The stand-in's own FIN has not come yet when the second one of the server does.
    const twice = Buffer.concat([finOf(work.id), finOf(work.id)])
    frps.sendBytes(0, twice)
    expect(await client.ended()).toContain('second FIN')
    await frps.frame('GoAway', (frame) => frame.type === 'goaway' && frame.length === 1)
  })
})

describe('the end of a work connection', () => {
  it('of the target is one FIN, and RST five minutes later where the server says nothing', async () => {
    const frps = await tinyFrps()
    frps.behaviour.answersFin = false
    const app = await target()
    // Not shorter: a pong would be due within 10 ms then, and a busy machine ends the session.
    frpc(frps.port, { ...withTarget(app.port), timeScale: 0.005 })
    const work = await frps.startWork('test_app')
    ;(await app.socket()).end('bye')
    await frps.frame('RST', ({ stream, flags }) => stream === work.id && flags === 8)
    const own = frps.frames.filter(({ stream, flags }) => stream === work.id && flags === 4)
    expect([own.length, work.received.toString()]).toEqual([1, 'bye'])
  })

  it('of the server ends the target, whose late words are lost', async () => {
    const frps = await tinyFrps()
    frps.behaviour.answersFin = false
    const app = await target()
    frpc(frps.port, withTarget(app.port))
    const work = await frps.startWork('test_app')
    const socket = await app.socket()
    const ended = new Promise<void>((resolve) => {
      socket.once('end', () => resolve())
    })
    socket.resume()
    frps.send(0, 'data', 0, work.id, Buffer.from('request'))
    frps.send(0, 'window', 4, work.id, 0)
    await ended
    socket.end('answer')
    await frps.frame('FIN', ({ stream, flags }) => stream === work.id && flags === 4)
    expect(work.received.toString()).toBe('')
  })
})

describe('the stand-in frpc tries again', () => {
  it('a refused proxy after 30 s and an unanswered one after 20 s', async () => {
    const frps = await tinyFrps()
    frps.behaviour.answerProxy = ({ body }) =>
      body['proxy_name'] === 'test_app' ? { proxy_name: 'test_app', error: 'port already used' } : undefined
    const client = frpc(frps.port, {
      timeScale: 0.02,
      proxies: ['test_app', 'mute'].map((name) => ({ name, remotePort: 23_001, target: { port: 9 } })),
    })
    const asked = (name: string): number =>
      frps.messages.filter((message) => message.name === 'NewProxy' && message.body['proxy_name'] === name)
        .length
    await eventually(
      'both to be tried again',
      () => (asked('test_app') > 1 && asked('mute') > 1) || undefined,
    )
    expect(await client.proxyResponse('test_app')).toMatchObject({ error: 'port already used' })
  })

  it('a lost session with the run id it was given', async () => {
    const frps = await tinyFrps()
    const client = frpc(frps.port, { retry: 'frpc', timeScale: 0.01 })
    await client.proxyResponse('test_app')
    frps.cut(0)
    await eventually('the second login', () => client.logins[1])
    const logins = frps.messages.filter(({ name }) => name === 'Login').map(({ body }) => body['run_id'])
    expect(logins).toEqual([undefined, '00112233aabbccdd'])
  })

  it('at the pace of frpc', () => {
    let now = 0
    const schedule = new RetrySchedule(
      () => 0,
      () => now,
    )
    const waits = (count: number, wasLoggedIn: boolean): number[] =>
      Array.from({ length: count }, () => schedule.next(wasLoggedIn))
    expect(waits(5, false)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000])
    expect(waits(6, true)).toEqual([0, 200, 200, 200, 1_000, 2_000])
    expect(waits(5, false)).toEqual([2_000, 4_000, 8_000, 16_000, 20_000])
    now = 60_000
    expect(waits(2, true)).toEqual([0, 200])
  })
})

describe('the stand-in frpc over TLS', () => {
  it('sends header and body of a frame in two records, after 0x17 where asked', async () => {
    const frps = await tinyFrps()
    const { cert, key } = makeSelfSigned({ names: ['harp.nc'] })
    const records: number[] = []
    const first: (number | undefined)[] = []
    const terminator = createTlsServer({ cert, key, ca: cert, requestCert: true }, (secure) => {
      const plain = connectTcp(frps.port, '127.0.0.1')
      for (const each of [secure, plain]) each.on('error', () => undefined)
      secure.pipe(plain).pipe(secure)
    })
    const door = createServer((socket) => {
      socket.on('error', () => undefined)
      const inner = connectTcp((terminator.address() as AddressInfo).port, '127.0.0.1')
      inner.on('error', () => undefined).pipe(socket)
      let seen = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        const isFirst = first.length === 0
        if (isFirst) first.push(chunk[0])
        const bytes = isFirst ? chunk.subarray(1) : chunk
        inner.write(bytes)
        seen = Buffer.concat([seen, bytes])
        while (seen.length >= 5 && seen.length >= 5 + seen.readUInt16BE(3)) {
          if (seen[0] === 0x17) records.push(seen.readUInt16BE(3))
          seen = seen.subarray(5 + seen.readUInt16BE(3))
        }
      })
    })
    for (const server of [terminator, door]) {
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
      opened.push({ stop: async () => server.close() })
    }
    const client = frpc((door.address() as AddressInfo).port, {
      tls: { ca: cert, cert, key, serverName: 'harp.nc' },
      customByte: true,
    })
    expect(await client.proxyResponse('test_app')).toMatchObject({ remoteAddr: ':23001', error: '' })
    await client.stop()
    expect(first).toEqual([0x17])
    // SYN, then header and body of Login: 17 bytes more each for the record's type and tag.
    const login = frps.frames.find(({ type }) => type === 'data')?.length ?? 0
    expect(records.join()).toContain([29, 29, login + 17].join())
  })

  it('refuses a certificate that is not of its CA', async () => {
    const [trusted, foreign] = [makeSelfSigned(), makeSelfSigned({ names: ['harp.nc'] })]
    const server = createTlsServer({ cert: foreign.cert, key: foreign.key })
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    opened.push({ stop: async () => server.close() })
    const client = frpc((server.address() as AddressInfo).port, {
      tls: { ca: trusted.cert, serverName: 'harp.nc' },
    })
    expect(await client.ended()).toMatch(/cannot connect: .*self-signed certificate/)
  })
})

describe('the stand-in frpc leaves', () => {
  it.each([
    ['with FIN when stopped', 'stop', 'end'],
    ['with RST when killed', 'kill', 'ECONNRESET'],
  ] as const)('%s', async (_how, how, expected) => {
    const events: string[] = []
    const server = createServer((socket) => {
      socket
        .once('end', () => events.push('end'))
        .on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? ''))
      socket.resume()
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    opened.push({ stop: async () => server.close() })
    const client = frpc((server.address() as AddressInfo).port)
    await eventually('Login', () => client.messages[0])
    await client[how]()
    expect(await eventually('the end', () => events[0])).toBe(expected)
  })
})

function finOf(stream: number): Buffer {
  const frame = Buffer.alloc(12)
  frame.writeUInt8(1, 1)
  frame.writeUInt16BE(4, 2)
  frame.writeUInt32BE(stream, 4)
  return frame
}
