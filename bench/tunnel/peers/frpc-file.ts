/** The file that `harp tunnel` and frpc read alike, as an ExApp's image for HaRP makes it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TunnelBackstage } from '../stage.ts'
import { app } from '../workloads.ts'

export async function writeFrpcFile(
  file: string,
  server: { readonly port: number; readonly remotePort: number },
  backstage: TunnelBackstage,
): Promise<void> {
  const certificates = join(backstage.certsDirectory, 'frp')
  await writeFile(
    file,
    `serverAddr = "127.0.0.1"
serverPort = ${server.port}
loginFailExit = false
log.level = "warn"
transport.tls.enable = true
transport.tls.certFile = "${certificates}/client.crt"
transport.tls.keyFile = "${certificates}/client.key"
transport.tls.trustedCaFile = "${certificates}/ca.crt"
transport.tls.serverName = "harp.nc"
metadatas.token = "${backstage.key}"
[[proxies]]
name = "${app}"
type = "tcp"
remotePort = ${server.remotePort}
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "${backstage.appSocket}"
`,
  )
}
