/** HAProxy as a plain reverse proxy: one thread, so that it does not pay for sharing what it need not share. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../test/support/free-ports.ts'
import { accepts, OwnProcess } from '../../own-process.ts'
import type { Peer } from '../../target.ts'
import type { Backstage } from '../backstage.ts'
import { streamApp } from '../workloads.ts'

export function plainHaproxy(command: string, backstage: Backstage): Peer {
  return {
    name: 'haproxy',
    async start() {
      const [port = 0] = await freePorts(1)
      const directory = await mkdtemp(join(backstage.directory, 'haproxy-'))
      const file = join(directory, 'haproxy.cfg')
      await writeFile(file, configuration(port, backstage))
      const own = await OwnProcess.start({
        name: 'haproxy',
        command,
        args: ['-db', '-f', file],
        isReady: () => accepts(port),
      })
      return {
        name: 'haproxy',
        host: '127.0.0.1',
        port,
        pids: [own.pid],
        description: 'plain HAProxy: mode http, 1 thread, kept-alive upstream connections',
        get failure() {
          return own.failure
        },
        stop: () => own.stop(),
      }
    },
  }
}

function configuration(port: number, backstage: Backstage): string {
  return `
global
  nbthread 1
  maxconn ${backstage.maxConnections}
defaults
  mode http
  option http-keep-alive
  http-reuse safe
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
frontend front
  bind 127.0.0.1:${port} backlog 4096
  use_backend stream if { path_beg /exapps/${streamApp}/ }
  default_backend fixed
backend fixed
  server fixed 127.0.0.1:${backstage.fixedPort}
backend stream
  server stream 127.0.0.1:${backstage.streamPort}
`
}
