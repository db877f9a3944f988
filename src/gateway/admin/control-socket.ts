import type { Server } from 'node:http'
import { existsSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { errorCode } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { gatewayError } from '../errors.ts'
import { closeOperatorServer, createOperatorServer, type OperatorHandler } from '../../net/operator-server.ts'

export interface ControlSocketOptions {
  readonly stateDir: string
  readonly handle: OperatorHandler
  readonly log: Logger
}

const probeMs = 2_000
const onlyOwner = 0o177

/** Where the control socket of a state directory is. */
export function controlSocketPath(stateDir: string): string {
  return join(stateDir, 'harp.sock')
}

/**
 * The Unix socket through which state is changed, for its owner alone. What a dead gateway left is replaced; a
 * living one is refused with CONTROL_SOCKET_BUSY. Everything else that can be wrong is STATE_DIR_UNUSABLE, which the
 * caller may survive: the gateway serves without it.
 */
export class ControlSocket {
  readonly path: string
  readonly #options: ControlSocketOptions
  readonly #server: Server

  constructor(options: ControlSocketOptions) {
    this.#options = options
    this.path = controlSocketPath(options.stateDir)
    this.#server = createOperatorServer(options.handle, options.log)
  }

  async start(): Promise<void> {
    const { stateDir, log } = this.#options
    try {
      makeDirectory(stateDir)
      await this.#listen()
    } catch (error) {
      if (errorCode(error) === 'CONTROL_SOCKET_BUSY') throw error
      const what = `${stateDir} cannot be used for the control socket: ${errorCode(error)}`
      throw gatewayError('STATE_DIR_UNUSABLE', what, { cause: error })
    }
    this.#server.on('error', (error) => log.error({ code: errorCode(error) }, 'control socket failed'))
  }

  /** Removes the socket too. */
  stop(): void {
    closeOperatorServer(this.#server)
  }

  async #listen(): Promise<void> {
    try {
      await this.#bind()
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE') throw error
      await this.#removeStale()
      await this.#bind().catch((again: unknown) => {
        // Somebody else was as fast.
        throw errorCode(again) === 'EADDRINUSE' ? this.#busy() : again
      })
    }
  }

  async #bind(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.#server.once('error', reject)
    // NOTE: the socket file is made within `listen`, so at no moment can anybody else open it.
    const before = process.umask(onlyOwner)
    try {
      this.#server.listen(this.path, () => resolve(undefined))
    } finally {
      process.umask(before)
    }
    try {
      await promise
    } finally {
      this.#server.removeListener('error', reject)
    }
  }

  async #removeStale(): Promise<void> {
    if (!lstatSync(this.path).isSocket()) {
      throw gatewayError('STATE_DIR_UNUSABLE', `${this.path} is there and is no socket`)
    }
    const answer = await whoAnswers(this.path)
    if (answer === 'nobody') unlinkSync(this.path)
    else if (answer === 'somebody') throw this.#busy()
    else throw gatewayError('STATE_DIR_UNUSABLE', `${this.path} belongs to another user`)
  }

  #busy(): Error {
    return gatewayError('CONTROL_SOCKET_BUSY', `another gateway uses ${this.path}`)
  }
}

/** With its parents, for the owner alone; what is there stays as it is. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') return
    // NOTE: not `recursive`: Node 24 never returns where the system refuses inside a directory that exists (/proc).
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    makeDirectory(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
}

/** Nobody listens on a socket whose process is gone. */
async function whoAnswers(path: string): Promise<'somebody' | 'nobody' | 'denied'> {
  const { promise, resolve } = Promise.withResolvers<'somebody' | 'nobody' | 'denied'>()
  const socket = net.connect(path, () => resolve('somebody'))
  // NOTE: a gateway that is stuck does not accept; its queue fills and connecting waits or fails, which is not "nobody".
  const timer = setTimeout(() => resolve('somebody'), probeMs)
  socket.on('error', (error) => {
    const code = errorCode(error)
    if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve('nobody')
    else resolve(code === 'EACCES' || code === 'EPERM' ? 'denied' : 'somebody')
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
