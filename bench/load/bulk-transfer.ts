/** Many bytes one way over a kept-alive connection, as cheaply as Node can. */
import { connect, type Socket } from 'node:net'
import type { LoadResult } from './load-command.ts'

export interface BulkOrder {
  readonly kind: 'download' | 'upload'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly slots: number
  readonly transfers: number
  /** Of one transfer. An upload has so many; a download asks the app for as many where its path says so. */
  readonly bytes: number
}

const block = Buffer.alloc(1_048_576, 'b')
const readBuffer = Buffer.allocUnsafe(262_144)
const headEnd = Buffer.from('\r\n\r\n')
const patienceMs = 120_000

export async function transfer(order: BulkOrder): Promise<LoadResult> {
  const startedAt = performance.now()
  const slots = await Promise.allSettled(Array.from({ length: order.slots }, () => runSlot(order)))
  let operations = 0
  let problems = 0
  for (const slot of slots) {
    if (slot.status === 'fulfilled') operations += order.transfers
    else problems++
  }
  return { operations, seconds: (performance.now() - startedAt) / 1_000, problems }
}

/** One connection, one transfer after the other; rejects when an answer is not 200 or not whole. */
async function runSlot(order: BulkOrder): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  let left = order.transfers
  let answer = { isInHead: true, bytes: 0 }
  const socket = connect({
    host: order.host,
    port: order.port,
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback: (count: number) => {
        if (answer.isInHead) answer = readHead(count, reject)
        else answer.bytes -= count
        if (answer.isInHead || answer.bytes > 0) return true
        left--
        answer = { isInHead: true, bytes: 0 }
        if (left === 0) resolve(undefined)
        else sendRequest(socket, order)
        return true
      },
    },
  })
  socket.setTimeout(patienceMs, () => reject(new Error('no progress')))
  socket.once('connect', () => sendRequest(socket, order))
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('closed too early')))
  try {
    await promise
  } finally {
    socket.destroy()
  }
}

/** Body bytes that are still to come after this first read of an answer. */
function readHead(count: number, fail: (error: Error) => void): { isInHead: boolean; bytes: number } {
  const end = readBuffer.subarray(0, count).indexOf(headEnd)
  const head = readBuffer.toString('latin1', 0, end === -1 ? count : end)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (end === -1 || length === undefined || !head.startsWith('HTTP/1.1 200')) {
    fail(new Error(`unexpected answer: ${head.slice(0, 80)}`))
    return { isInHead: true, bytes: 0 }
  }
  return { isInHead: false, bytes: Number(length) - (count - end - headEnd.length) }
}

function sendRequest(socket: Socket, order: BulkOrder): void {
  if (order.kind === 'download') {
    socket.write(`GET ${order.path} HTTP/1.1\r\nHost: bench\r\n\r\n`)
    return
  }
  socket.write(`POST ${order.path} HTTP/1.1\r\nHost: bench\r\nContent-Length: ${order.bytes}\r\n\r\n`)
  let left = order.bytes
  const fill = (): void => {
    while (left > 0) {
      left -= block.length
      if (!socket.write(block)) break
    }
    if (left > 0) socket.once('drain', fill)
  }
  fill()
}
