/** Harp's gateway: a built package, run by the Node that runs the benchmark, as an administrator would. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../test/support/free-ports.ts'
import { accepts, OwnProcess } from './own-process.ts'

export const thisPackage = fileURLToPath(new URL('..', import.meta.url))

export interface HarpGatewayOptions {
  readonly name: string
  /** A directory with bin and dist. */
  readonly packageDirectory: string
  /** Its files go into a new directory in here. */
  readonly directory: string
  readonly certsDirectory: string
  readonly key: string
  readonly nextcloudPort: number
  readonly maxConnections: number
  /** For Node, before the script. */
  readonly nodeFlags?: readonly string[]
}

export interface HarpGateway {
  readonly own: OwnProcess
  readonly port: number
  readonly frpPort: number
}

export async function startHarpGateway(options: HarpGatewayOptions): Promise<HarpGateway> {
  const { name, packageDirectory, certsDirectory, key, nextcloudPort, maxConnections } = options
  const [port = 0, httpsPort = 0, frpPort = 0] = await freePorts(3)
  const directory = await mkdtemp(join(options.directory, 'harp-'))
  const stateDir = join(directory, 'state')
  await Promise.all([mkdir(stateDir, { mode: 0o700 }), mkdir(certsDirectory, { recursive: true })])
  const own = await OwnProcess.start({
    name,
    command: process.execPath,
    args: [...(options.nodeFlags ?? []), join(packageDirectory, 'bin/harp.js'), 'gateway'],
    environment: {
      HOME: directory,
      HP_SHARED_KEY: key,
      NC_INSTANCE_URL: `http://127.0.0.1:${nextcloudPort}`,
      HP_EXAPPS_ADDRESS: `127.0.0.1:${port}`,
      HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${httpsPort}`,
      HP_FRP_ADDRESS: `127.0.0.1:${frpPort}`,
      HARP_ADMIN_ADDRESS: 'off',
      HARP_STATE_DIR: stateDir,
      HARP_CERTS_DIR: certsDirectory,
      HARP_MAX_CONNECTIONS: String(maxConnections),
    },
    isReady: () => accepts(port),
  })
  return { own, port, frpPort }
}
