/** frp conversations on plain sockets, for clients that no frpc would be: without TLS and without yamux. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { deadlineIn, within } from '../support/deadline.ts'
import { privilegeKey } from '../support/frpc-ciphers.ts'
import { encodeMessage, takeMessage } from '../support/frpc-messages.ts'

export interface LoginOptions {
  readonly token: string
  readonly runId?: string
}

export function loginMessage({ token, runId = '' }: LoginOptions): Buffer {
  const timestamp = Math.floor(Date.now() / 1_000)
  const body = {
    version: '0.61.1',
    privilege_key: privilegeKey('', timestamp),
    timestamp,
    metas: { token },
    ...(runId === '' ? {} : { run_id: runId }),
  }
  return Buffer.concat(encodeMessage(1, 'Login', body))
}

/** `from` is another client's address where it is another one of 127.0.0.0/8. */
export async function callFrp(port: number, from: string = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true })
  socket.on('error', () => undefined)
  const gone = once(socket, 'close').then(() => undefined)
  await Promise.race([once(socket, 'connect'), gone])
  return socket
}

/** What the gateway says to these bytes until it closes. */
export async function saidUntilClose(socket: Socket, bytes: Buffer, timeoutMs = 15_000): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const closed = socket.closed
    ? Promise.resolve()
    : new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(bytes)
  try {
    await within(closed, deadlineIn(timeoutMs, 'the gateway to close'))
  } finally {
    socket.destroy()
  }
  return Buffer.concat(chunks)
}

/** The error of a LoginResp, if that is what the bytes begin with. */
export function loginError(bytes: Buffer): string | undefined {
  const message = takeMessage(1, bytes)?.message
  if (message?.name !== 'LoginResp') return undefined
  const { error } = message.body
  return typeof error === 'string' ? error : ''
}
