import { join } from 'node:path'
import { startHarpGateway } from '../../harp-gateway.ts'
import type { Peer } from '../../target.ts'
import type { Backstage } from '../backstage.ts'

export function harpGateway(name: string, packageDirectory: string, backstage: Backstage): Peer {
  return {
    name,
    async start() {
      const certsDirectory = join(backstage.directory, 'certs')
      const { own, port } = await startHarpGateway({ name, packageDirectory, certsDirectory, ...backstage })
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
