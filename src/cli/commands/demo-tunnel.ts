import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as elapse } from 'node:timers/promises'
import { HarpError } from '../../base/errors.ts'
import { createLogger } from '../../base/logger.ts'
import type { DemoTunnel, DemoTunnelSettings } from '../../demo/demo.ts'
import {
  formatFileProblems,
  readFrpcFile,
  startTunnelClient,
  type ControlClient,
  type ControlReply,
  type TunnelOverview,
} from '../../gateway/index.ts'

export interface DemoTunnelPlace {
  readonly control: ControlClient
  /** The gateway's certificates; frpc.toml is written beside it. */
  readonly directory: string
}

const openMs = 10_000
const lookEveryMs = 20

/** What `harp tunnel` does, with a file like anybody's and a token for this app alone. Resolves when it is open. */
export async function openDemoTunnel(
  settings: DemoTunnelSettings,
  { control, directory }: DemoTunnelPlace,
): Promise<DemoTunnel> {
  const { appId } = settings
  const { text: token } = valueOf(await control.addToken({ kind: 'app', name: appId, port: null }))
  const file = join(directory, 'frpc.toml')
  const lines = frpcToml(settings, token.reveal(), join(directory, 'certs', 'frp'))
  await writeFile(file, lines, { mode: 0o600 })
  const { config, problems } = readFrpcFile(file)
  if (config === null) {
    throw new HarpError('TUNNEL_CLIENT_CONFIG_INVALID', formatFileProblems(problems).join('; '))
  }
  const client = startTunnelClient({ config, log: createLogger(config.logLevel) })
  const stop = async (): Promise<void> => {
    // The second call does not wait for what still runs: the browser's side is gone.
    await Promise.all([client.stop(), client.stop()])
  }
  const find = async (): Promise<TunnelOverview['tunnels'][number] | null> =>
    valueOf(await control.tunnels()).tunnels.find(({ name }) => name === appId) ?? null
  try {
    const deadline = performance.now() + openMs
    while ((await find()) === null) {
      if (performance.now() > deadline) {
        throw new HarpError('TUNNEL_CLIENT_UNREACHABLE', `the demo's tunnel did not open in ${openMs} ms`)
      }
      await elapse(lookEveryMs)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { facts: find, stop }
}

/** The same keys as in HaRP's images for apps. JSON's strings are TOML's. */
function frpcToml(
  { appId, port, socketPath, through }: DemoTunnelSettings,
  token: string,
  certs: string,
): string {
  const text = JSON.stringify
  return `serverAddr = ${text(through.host)}
serverPort = ${through.port}
loginFailExit = false
metadatas.token = ${text(token)}

[transport.tls]
certFile = ${text(join(certs, 'client.crt'))}
keyFile = ${text(join(certs, 'client.key'))}
trustedCaFile = ${text(join(certs, 'ca.crt'))}
serverName = "harp.nc"

[log]
level = "error"

[[proxies]]
name = ${text(appId)}
type = "tcp"
remotePort = ${port}

[proxies.plugin]
type = "unix_domain_socket"
unixPath = ${text(socketPath)}
`
}

export function valueOf<Value>(reply: ControlReply<Value>): Value {
  if (reply.kind === 'ok') return reply.value
  throw new Error('problem' in reply ? reply.problem : `the demo's gateway does not answer at ${reply.path}`)
}
