/**
 * The end of the slow line in one office, as a program: it has the addresses of the devices in the other office, and what
 * comes for them goes over the line, byte by byte, to the gate there, which passes it on from the true sender's address.
 * Obeys lines of JSON on standard input, and ends with it.
 */
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { Lane, type LaneOptions } from './lane.ts'

export interface GateOptions extends LaneOptions {
  /** Of the devices in the other office. */
  readonly addresses: readonly string[]
  readonly ports: readonly number[]
  /** Of this gate and of the other one: paths of Unix sockets. */
  readonly own: string
  readonly other: string
}

export type GateCommand =
  | { readonly command: 'count' }
  | { readonly command: 'cut' }
  | { readonly command: 'heal' }
  | { readonly command: 'rate'; readonly bytesPerSecond: number }

interface Header {
  readonly from: string
  readonly to: string
  readonly port: number
}

/** For what the other end of a connection does not read. */
const mostUnread = 262_144

const options = JSON.parse(process.argv[2] ?? '{}') as GateOptions
const lane = new Lane(options)

for (const host of options.addresses) for (const port of options.ports) listen(host, port)
rmSync(options.own, { force: true })
createServer({ allowHalfOpen: true }, (line) => takeOver(line)).listen(options.own, () =>
  process.stdout.write('{"ready":true}\n'),
)
createInterface({ input: process.stdin })
  .on('line', (text) => obey(JSON.parse(text) as GateCommand))
  .on('close', () => process.exit())

function obey(order: GateCommand): void {
  if (order.command === 'cut') lane.cut()
  else if (order.command === 'heal') lane.heal()
  else if (order.command === 'rate') lane.rate = order.bytesPerSecond
  process.stdout.write(`${JSON.stringify({ bytes: lane.bytes })}\n`)
}

function listen(host: string, port: number): void {
  createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const header: Header = { from: near.remoteAddress?.replace('::ffff:', '') ?? '', to: host, port }
    const line = connect({ path: options.other, allowHalfOpen: true })
    join(near, line, Buffer.from(`${JSON.stringify(header)}\n`))
  }).listen(port, host)
}

/** A connection from the other gate: its first line says to whom. */
function takeOver(line: Socket): void {
  let head = Buffer.alloc(0)
  line.on('error', () => undefined)
  const onData = (bytes: Buffer): void => {
    head = Buffer.concat([head, bytes])
    const end = head.indexOf(10)
    if (end < 0) return
    line.off('data', onData)
    line.pause()
    const { from, to, port } = JSON.parse(head.subarray(0, end).toString()) as Header
    const near = connect({ host: to, port, localAddress: from, allowHalfOpen: true, noDelay: true })
    near.write(head.subarray(end + 1))
    join(near, line)
  }
  line.on('data', onData)
}

/** What comes from near goes over the line in its time; what comes out of the line was held up at its other end. */
function join(near: Socket, line: Socket, first?: Uint8Array): void {
  const flow = lane.open({
    onBytes: (bytes) => void line.write(bytes),
    onEnd: () => void line.end(),
    isBlocked: () => line.writableLength > mostUnread,
    onRoom: () => void near.resume(),
  })
  if (first !== undefined) flow.push(first)
  near.on('data', (bytes) => {
    if (!flow.push(bytes)) near.pause()
  })
  line.on('data', (bytes) => {
    if (!near.write(bytes)) line.pause()
  })
  near.on('drain', () => line.resume())
  line.on('drain', () => lane.wake())
  near.on('end', () => flow.finish())
  line.on('end', () => near.end())
  near.on('close', () => flow.finish())
  line.on('close', () => {
    near.destroySoon()
    flow.drop()
  })
  for (const socket of [near, line]) socket.on('error', () => undefined)
  line.resume()
}
