/** A target of several processes, one behind the other. */
import { request } from 'node:http'
import type { OwnProcess } from '../own-process.ts'
import type { Target } from '../target.ts'
import { smallPath } from './workloads.ts'

export interface ChainTarget extends Target {
  /** What each process is, in the order of `pids`. */
  readonly roles: readonly string[]
}

export interface Link {
  readonly role: string
  readonly own: OwnProcess
}

export interface Chain {
  readonly name: string
  readonly description: string
  readonly port: number
  /** From the client to the app; stopped from the app to the client. */
  readonly links: readonly Link[]
  readonly prepare?: () => Promise<void>
}

export function chainTarget(chain: Chain): ChainTarget {
  const { name, description, port, links, prepare } = chain
  const roles = links.map((link) => link.role)
  return {
    name,
    host: '127.0.0.1',
    port,
    pids: links.map((link) => link.own.pid),
    roles,
    description: `${roles.join(' + ')}; ${description}`,
    get failure() {
      return links.map((link) => link.own.failure).find((each) => each !== null) ?? null
    },
    ...(prepare === undefined ? {} : { prepare }),
    async stop() {
      for (const link of links.toReversed()) await link.own.stop()
    },
  }
}

/** Starts the links one after the other; what is up is stopped again where a later one fails. */
export async function startLinks(starts: readonly (() => Promise<Link>)[]): Promise<Link[]> {
  const links: Link[] = []
  try {
    for (const start of starts) links.push(await start())
  } catch (error) {
    for (const link of links.toReversed()) await link.own.stop()
    throw error
  }
  return links
}

const answerMs = 1_000

/** Whether the app answers at this port. */
export async function reachesApp(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const asked = request({ host: '127.0.0.1', port, path: smallPath, agent: false, timeout: answerMs })
  asked.once('response', (response) => {
    response.resume()
    resolve(response.statusCode === 200)
  })
  asked.once('timeout', () => asked.destroy(new Error('no answer')))
  asked.once('error', () => resolve(false))
  asked.end()
  return promise
}
