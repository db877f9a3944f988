import { connect, createServer } from 'node:net'
import { errorCode } from '../../base/errors.ts'
import { formatHostPort, isThisMachine, parseHostPort, type HostPort } from '../../net/address.ts'
import type { CheckInfo } from '../device/daemon-api.ts'
import { failed, ok, some, warning } from './outcome.ts'

export interface PortFacts {
  /** As was asked for. */
  readonly wanted: HostPort
  /** `host:port`. */
  readonly listening: readonly string[]
  /** Where others may reach this device, as it tells them. */
  readonly reachable: readonly string[]
  /** Links that other machines dialled. */
  readonly takenIn: number
}

/** Undefined once there was a connection; otherwise why not. */
export type TryConnect = (target: HostPort) => Promise<string | undefined>

const connectMs = 2_000

export async function checkPorts(facts: PortFacts, tryConnect: TryConnect = dial): Promise<CheckInfo[]> {
  const name = 'listening'
  const { wanted, listening } = facts
  if (listening.length === 0) {
    const message = 'nowhere: other devices cannot reach this one, it can only reach them'
    return [warning(name, message, 'restart harp up with --listen HOST:PORT')]
  }
  const bound = parseHostPort(listening[0] ?? '')
  const shown = `at ${listening.join(', ')}`
  const isOther = wanted.port !== 0 && bound?.port !== wanted.port
  const first = isOther
    ? warning(
        name,
        `${shown}: port ${wanted.port} is taken by another program`,
        `stop that program, or name a port that stays the same: harp up --listen :${bound?.port ?? 0}`,
      )
    : ok(name, shown)
  return [first, await checkReach(facts, tryConnect)]
}

async function checkReach(facts: PortFacts, tryConnect: TryConnect): Promise<CheckInfo> {
  const name = 'reachable'
  const { reachable, takenIn } = facts
  const targets = reachable.flatMap((text) => parseHostPort(text) ?? [])
  if (targets.every(({ host }) => isThisMachine(host))) {
    const fix = 'connect a network, or harp up --listen with an address that others can reach'
    return warning(name, 'only programs of this machine can reach this device', fix)
  }
  const problems = await Promise.all(targets.map((target) => tryConnect(target)))
  const dead = reachable.filter((_text, index) => problems[index] !== undefined)
  const why = [...new Set(problems.flatMap((problem) => problem ?? []))].join(', ')
  const fix = 'look at the firewall of this machine: the TCP port must be open'
  if (dead.length === targets.length) return failed(name, `not even from here: ${some(dead)} (${why})`, fix)
  if (dead.length > 0) return warning(name, `not at ${some(dead)} (${why})`, fix)
  const seen =
    takenIn > 0
      ? `others have reached it (${takenIn} connected now)`
      : 'answers from here; whether a firewall or router lets others in is not to be seen from here'
  return ok(name, `${some(reachable)}: ${seen}`)
}

/** Without a daemon: whether it could listen. */
export async function checkFree({ host, port }: HostPort): Promise<CheckInfo> {
  const name = 'listening'
  const where = formatHostPort({ host, port })
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer((socket) => socket.destroy())
  server.once('error', (error) => resolve(errorCode(error)))
  server.listen({ host, port }, () => resolve(undefined))
  const problem = await promise
  server.close()
  if (problem === undefined) return ok(name, `${where} is free`)
  const fix = 'stop the program that has it, or choose another one: harp up --listen'
  return failed(name, `${where} cannot be listened on (${problem})`, fix)
}

async function dial({ host, port }: HostPort): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const socket = connect({ host, port })
  socket.setTimeout(connectMs, () => resolve('no answer'))
  socket.on('connect', () => resolve(undefined))
  socket.on('error', (error) => resolve(errorCode(error)))
  const problem = await promise
  socket.destroy()
  return problem
}
