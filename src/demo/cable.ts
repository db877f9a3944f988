import { connect, createServer, type Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { HostPort } from '../net/address.ts'
import { joinStreams } from './join-streams.ts'
import { listenOnLoopback } from './loopback-server.ts'

/** The network between the tunnel's client and the gateway, for a visitor to cut: it carries bytes as they are. */
export interface Cable {
  /** Where the client finds the gateway. */
  readonly address: HostPort
  /** null: none yet. */
  readonly lastCut: Cut | null
  /** Ends every connection and refuses new ones for a moment; nothing happens while it is cut already. */
  cut(): void
  stop(): Promise<void>
}

/** In milliseconds of the wall clock. */
export interface Cut {
  readonly at: number
  /** null: it is still cut. */
  readonly repairedAt: number | null
}

export interface CableOptions {
  readonly to: HostPort
  readonly cutMs: number
  readonly clock: Clock
}

export async function layCable(options: CableOptions): Promise<Cable> {
  const { to, cutMs, clock } = options
  const sockets = new Set<Socket>()
  let lastCut: Cut | null = null
  let repair: NodeJS.Timeout | undefined
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => sockets.delete(socket))
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    keep(client)
    if (repair !== undefined) {
      client.resetAndDestroy()
      return
    }
    const gateway = connect({ ...to, allowHalfOpen: true })
    keep(gateway)
    joinStreams(client, gateway)
  })
  const bound = await listenOnLoopback(server, [0])
  return {
    address: bound.address,
    get lastCut() {
      return lastCut
    },
    cut: () => {
      if (repair !== undefined) return
      const at = clock.wall()
      lastCut = { at, repairedAt: null }
      repair = setTimeout(() => {
        repair = undefined
        lastCut = { at, repairedAt: clock.wall() }
      }, cutMs)
      for (const socket of sockets) socket.resetAndDestroy()
    },
    stop: async () => {
      clearTimeout(repair)
      for (const socket of sockets) socket.destroy()
      await bound.stop()
    },
  }
}
