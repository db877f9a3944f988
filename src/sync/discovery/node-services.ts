import { createSocket, type Socket } from 'node:dgram'
import makeMdns from 'multicast-dns'
import { discoveryLimits as limits, mdnsPort } from './discovery-limits.ts'
import { isOn, type LocalInterface } from './interfaces.ts'
import { socketProblem, type ServiceChannel, type ServiceHandlers } from './network.ts'
import type { PacketGate } from './packet-gate.ts'
import type { ServiceAnswer } from './service-records.ts'

/** As it stands in every message that names our service, at least once. */
const serviceBytes = Buffer.from('\u0005_harp\u0004_tcp', 'latin1')

/** mDNS on one interface, by a library. Only messages that name our service ever get to its parser. */
export function openNodeServices(
  at: LocalInterface,
  gate: PacketGate,
  handlers: ServiceHandlers,
): ServiceChannel {
  const address = at.ipv4
  if (address === undefined) {
    queueMicrotask(() => handlers.onProblem('the interface has no IPv4 address'))
    return silence
  }
  let isClosed = false
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  hearOnly(socket, (bytes, source) => !isClosed && isOurs(bytes) && isOn(source, at) && gate.enter())
  const mdns = makeMdns({
    socket,
    port: mdnsPort,
    interface: address,
    bind: '0.0.0.0',
    ttl: 255,
    loopback: true,
  })
  const fail = (error: Error & { syscall?: string }): void => {
    // NOTE: what the library cannot parse is a warning too, and no fault of this device.
    if (!isClosed && error.syscall !== undefined) handlers.onProblem(socketProblem(error))
  }
  mdns.on('error', fail)
  mdns.on('warning', fail)
  mdns.on('query', ({ questions }) => {
    if (!isClosed) handlers.onQuery({ questions: questions ?? [], records: [] })
  })
  mdns.on('response', ({ answers, additionals }, { address: source }) => {
    const records = [...(answers ?? []), ...(additionals ?? [])]
    if (!isClosed) handlers.onResponse({ questions: [], records }, source)
  })
  return {
    query: (name) =>
      sent((done) => mdns.query({ questions: [{ name, type: 'PTR' }] }, (error) => done(error))),
    respond: (answers) =>
      sent((done) => mdns.respond({ answers: answers.map(plain) }, (error) => done(error))),
    close() {
      if (isClosed) return
      isClosed = true
      mdns.destroy()
    },
  }
}

const silence: ServiceChannel = {
  query: () => Promise.resolve(undefined),
  respond: () => Promise.resolve(undefined),
  close() {},
}

/** Messages are looked at before whoever listens gets them. */
function hearOnly(socket: Socket, isWanted: (bytes: Uint8Array, source: string) => boolean): void {
  const emit = socket.emit.bind(socket) as (event: string, ...rest: unknown[]) => boolean
  socket.emit = (event: string, ...rest: unknown[]): boolean => {
    if (event !== 'message') return emit(event, ...rest)
    const [bytes, source] = rest as [Uint8Array, { address: string }]
    return isWanted(bytes, source.address) && emit(event, ...rest)
  }
}

function isOurs(bytes: Uint8Array): boolean {
  return (
    bytes.length <= limits.serviceBytes &&
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(serviceBytes)
  )
}

/** The library wants to write on what it gets. */
function plain(answer: ServiceAnswer): ServiceAnswer {
  return { ...answer }
}

function sent(send: (done: (error: Error | null | undefined) => void) => void): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  try {
    send((error) => resolve(error === null || error === undefined ? undefined : socketProblem(error)))
  } catch (error) {
    resolve(socketProblem(error))
  }
  return promise
}
