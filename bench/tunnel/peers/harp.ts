/** `harp gateway` and `harp tunnel`, as administrators and apps run them: mutual TLS, all settings at their defaults. */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { startHarpGateway } from '../../harp-gateway.ts'
import { OwnProcess } from '../../own-process.ts'
import type { Peer } from '../../target.ts'
import { chainTarget, reachesApp, startLinks, type ChainTarget } from '../chain.ts'
import type { TunnelBackstage } from '../stage.ts'
import { writeFrpcFile } from './frpc-file.ts'

const maxConnections = 1_000

export interface HarpTunnelOptions {
  readonly name: string
  readonly packageDirectory: string
  readonly profileDirectory: string | null
}

export function harpTunnel(options: HarpTunnelOptions, backstage: TunnelBackstage): Peer<ChainTarget> {
  const { name, packageDirectory, profileDirectory } = options
  return {
    name,
    async start() {
      const directory = await mkdtemp(join(backstage.directory, 'harp-tunnel-'))
      const file = join(directory, 'frpc.toml')
      const nodeFlags = (role: string): string[] =>
        profileDirectory === null ? [] : profileFlags(profileDirectory, `${name}-${role}`)
      let port = 0
      const links = await startLinks([
        async () => {
          const gateway = await startHarpGateway({
            ...backstage,
            name: `${name} gateway`,
            packageDirectory,
            maxConnections,
            nodeFlags: nodeFlags('gateway'),
          })
          port = gateway.port
          await writeFrpcFile(file, { port: gateway.frpPort, remotePort: backstage.appPort }, backstage)
          return { role: 'harp gateway', own: gateway.own }
        },
        async () => {
          const own = await OwnProcess.start({
            name: `${name} tunnel`,
            command: process.execPath,
            args: [...nodeFlags('tunnel'), join(packageDirectory, 'bin/harp.js'), 'tunnel', '-c', file],
            environment: { HOME: directory },
            isReady: () => reachesApp(port),
          })
          return { role: 'harp tunnel', own }
        },
      ])
      return chainTarget({ name, port, links, description: 'mutual TLS and yamux between them' })
    },
  }
}

function profileFlags(directory: string, name: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}.cpuprofile`]
}
