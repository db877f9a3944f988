/**
 * The limit: the same legs with nothing but Node's TLS between. Two processes pipe bytes; each client connection has
 * a TLS connection and an app connection of its own, opened before the measurement.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../../test/support/free-ports.ts'
import { accepts, OwnProcess } from '../../own-process.ts'
import type { Peer } from '../../target.ts'
import { chainTarget, reachesApp, startLinks, type ChainTarget } from '../chain.ts'
import type { TunnelBackstage } from '../stage.ts'

/** More than any workload has connections. */
const openConnections = 128

export function tlsPipe(name: string, backstage: TunnelBackstage): Peer<ChainTarget> {
  return {
    name,
    async start() {
      const [port = 0, tlsPort = 0] = await freePorts(2)
      const certificates = join(backstage.certsDirectory, 'frp')
      const script = async (
        file: string,
        args: readonly string[],
        isReady: () => Promise<boolean>,
      ): Promise<OwnProcess> =>
        OwnProcess.start({
          name: file,
          command: process.execPath,
          args: [fileURLToPath(new URL(`../servers/${file}.ts`, import.meta.url)), ...args],
          isScript: true,
          isReady,
        })
      const [end, front] = await startLinks([
        async () => ({
          role: 'pipe end',
          own: await script('pipe-end', [String(tlsPort), certificates, backstage.appSocket], () =>
            accepts(tlsPort),
          ),
        }),
        async () => ({
          role: 'pipe front',
          own: await script('pipe-front', [String(port), String(tlsPort), certificates], () =>
            reachesApp(port),
          ),
        }),
      ])
      if (end === undefined || front === undefined) throw new Error('the pipe did not start')
      return chainTarget({
        name,
        port,
        links: [front, end],
        description: 'plain node:tls pipe, a mutual TLS connection for each client connection, opened before',
        prepare: async () => {
          await front.own.ask(openConnections)
        },
      })
    },
  }
}
