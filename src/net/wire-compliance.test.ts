import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer, type ConnectionOptions } from 'node:tls'
import { MemoryLink } from '../../test/support/memory-link.ts'
import { makeSelfSigned } from '../../test/support/self-signed.ts'
import { VirtualTime } from '../../test/support/virtual-time.ts'
import { describeWires, inRealTime, type WirePair } from '../../test/support/wire-compliance.ts'
import { SocketWire, type SocketTarget } from './socket-wire.ts'
import { StreamWire } from './stream-wire.ts'

async function overSockets(server: Server, where: SocketTarget | null): Promise<WirePair> {
  await once(
    server.listen(where !== null && 'path' in where ? where : { port: 0, host: '127.0.0.1' }),
    'listening',
  )
  const target = where ?? { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const near = new SocketWire(target)
  await near.connected(5_000)
  const far = new StreamWire((await accepted)[0])
  return { near, far, ...inRealTime, close: () => closeAll(server, near, far) }
}

async function closeAll(server: Server, ...wires: { destroy(): void }[]): Promise<void> {
  for (const wire of wires) wire.destroy()
  const closed = once(server, 'close')
  server.close()
  await closed
}

describeWires('SocketWire and StreamWire over TCP', {
  makePair: () => overSockets(createServer({ allowHalfOpen: true }), null),
})

describeWires('SocketWire and StreamWire over a Unix socket', {
  makePair: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'harp-wire-'))
    const pair = await overSockets(createServer({ allowHalfOpen: true }), { path: join(directory, 'socket') })
    const close = async (): Promise<void> => {
      await pair.close()
      await rm(directory, { recursive: true })
    }
    return { ...pair, close }
  },
})

const certificate = makeSelfSigned()

describeWires('StreamWire over TLS', {
  makePair: async () => {
    const server = createTlsServer({ cert: certificate.cert, key: certificate.key, allowHalfOpen: true })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const accepted = once(server, 'secureConnection') as Promise<[Socket]>
    const { port } = server.address() as AddressInfo
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ca: certificate.cert,
      allowHalfOpen: true,
    } as ConnectionOptions)
    await once(socket, 'secureConnect')
    const near = new StreamWire(socket)
    const far = new StreamWire((await accepted)[0])
    return { near, far, ...inRealTime, close: () => closeAll(server, near, far) }
  },
})

describeWires('the memory link', {
  maxUnreadBytes: 1_048_576,
  makePair: async () => {
    const time = new VirtualTime()
    const link = new MemoryLink(time, { lagMs: 5, roomBytes: 300_000 })
    return {
      near: link.near,
      far: link.far,
      until: (what, probe) => time.until(what, probe),
      settle: () => time.advance(20),
      close: () => time.advance(1_000),
    }
  },
})
