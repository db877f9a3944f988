/** Harp's gateway: a built package, run by the Node that runs the benchmark, as an administrator would. */
import { mkdtemp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../test/support/free-ports.ts'
import { OwnProcess } from '../own-process.ts'
import type { Backstage, Peer } from './target.ts'

export function harpGateway(name: string, packageDirectory: string, backstage: Backstage): Peer {
  return {
    name,
    async start() {
      const [port = 0, httpsPort = 0, frpPort = 0] = await freePorts(3)
      const directory = await mkdtemp(join(backstage.directory, 'harp-'))
      const stateDir = join(directory, 'state')
      const certsDir = join(directory, 'certs')
      await Promise.all([mkdir(stateDir, { mode: 0o700 }), mkdir(certsDir)])
      const own = await OwnProcess.start({
        name,
        command: process.execPath,
        args: [join(packageDirectory, 'bin/harp.js'), 'gateway'],
        environment: {
          HOME: directory,
          HP_SHARED_KEY: backstage.key,
          NC_INSTANCE_URL: `http://127.0.0.1:${backstage.nextcloudPort}`,
          HP_EXAPPS_ADDRESS: `127.0.0.1:${port}`,
          HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${httpsPort}`,
          HP_FRP_ADDRESS: `127.0.0.1:${frpPort}`,
          HARP_ADMIN_ADDRESS: 'off',
          HARP_STATE_DIR: stateDir,
          HARP_CERTS_DIR: certsDir,
          HARP_MAX_CONNECTIONS: String(backstage.maxConnections),
        },
        port,
      })
      return {
        name,
        host: '127.0.0.1',
        port,
        pids: [own.pid],
        description: `harp gateway, Node ${process.versions.node}, all settings at their defaults`,
        get failure() {
          return own.failure
        },
        stop: () => own.stop(),
      }
    },
  }
}
