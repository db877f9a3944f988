/** What is in effect, as text for people; secrets show as [secret]. */
import { formatDuration } from '../../base/duration.ts'
import type { TunnelClientConfig } from './tunnel-config.ts'
import { describeTarget } from './local-target.ts'

/** By frpc's names, for `harp tunnel --check`. */
export function describeTunnelClient(config: TunnelClientConfig): [string, string][] {
  const { server, transport, proxies } = config
  const orOff = (ms: number | null): string => (ms === null ? 'off' : formatDuration(ms))
  const rows: [string, string][] = [
    ['serverAddr', server.host],
    ['serverPort', String(server.port)],
    ['user', config.user],
    ['loginFailExit', String(config.loginFailExit)],
    ['auth.token', config.authToken.reveal() === '' ? '' : config.authToken.toString()],
    ...Object.entries(config.metadatas).map(([name, value]): [string, string] => [
      `metadatas.${name}`,
      value.toString(),
    ]),
    ['transport.protocol', transport.protocol],
    ['transport.wireProtocol', `v${transport.wireVersion}`],
    ['transport.tcpMux', String(transport.isMultiplexed)],
    ['transport.poolCount', String(transport.poolCount)],
    ['transport.dialServerTimeout', formatDuration(transport.connectTimeoutMs)],
    ['transport.dialServerKeepalive', orOff(transport.tcpKeepAliveMs)],
    ['transport.tcpMuxKeepaliveInterval', transport.isMultiplexed ? orOff(transport.muxKeepAliveMs) : 'off'],
    ['transport.heartbeatInterval', orOff(transport.heartbeatMs)],
    ['transport.heartbeatTimeout', orOff(transport.heartbeatTimeoutMs)],
    ['transport.connectServerLocalIP', transport.localAddress ?? ''],
    ['transport.proxyURL', transport.proxyUrl?.toString() ?? ''],
    ['transport.tls.enable', String(transport.tls !== null)],
  ]
  if (transport.tls !== null) {
    const { certFile, keyFile, authorityFile, serverName } = transport.tls
    rows.push(
      ['transport.tls.certFile', certFile ?? ''],
      ['transport.tls.keyFile', keyFile ?? ''],
      ['transport.tls.trustedCaFile', authorityFile ?? ''],
      ['transport.tls.serverName', serverName],
    )
  }
  for (const [index, { name, remotePort, target }] of proxies.entries()) {
    const port = remotePort === 0 ? 'a port of the server' : `port ${remotePort}`
    rows.push([`proxies[${index}]`, `${name}: ${port} to ${describeTarget(target)}`])
  }
  return rows
}
