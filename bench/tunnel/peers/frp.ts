/** Real frps and frpc with HaRP's settings, and nginx in front where it is installed, in the place of HaRP's HAProxy. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../test/support/free-ports.ts'
import { accepts, OwnProcess } from '../../own-process.ts'
import type { Peer } from '../../target.ts'
import { chainTarget, reachesApp, startLinks, type ChainTarget } from '../chain.ts'
import type { FrpPrograms } from '../options.ts'
import type { TunnelBackstage } from '../stage.ts'
import { writeFrpcFile } from './frpc-file.ts'

export function frp(
  name: string,
  programs: FrpPrograms,
  nginxCommand: string | undefined,
  backstage: TunnelBackstage,
): Peer<ChainTarget> {
  return {
    name,
    async start() {
      const directory = await mkdtemp(join(backstage.directory, 'frp-'))
      const [bindPort = 0, frontPort = 0] = await freePorts(2)
      // NOTE: not the port that a Harp gateway would dial when its own tunnel is down.
      const remotePort = backstage.appPort + 1
      const serverFile = join(directory, 'frps.toml')
      const clientFile = join(directory, 'frpc.toml')
      await writeFile(serverFile, serverSettings(bindPort, backstage))
      await writeFrpcFile(clientFile, { port: bindPort, remotePort }, backstage)
      const links = await startLinks([
        async () => ({
          role: 'frps',
          own: await OwnProcess.start({
            name: 'frps',
            command: programs.frps,
            args: ['-c', serverFile],
            isReady: () => accepts(bindPort),
          }),
        }),
        async () => ({
          role: 'frpc',
          own: await OwnProcess.start({
            name: 'frpc',
            command: programs.frpc,
            args: ['-c', clientFile],
            isReady: () => reachesApp(remotePort),
          }),
        }),
      ])
      if (nginxCommand === undefined) {
        const description = 'real frp, its own port with nothing in front (nginx is not installed)'
        return chainTarget({ name, port: remotePort, links, description })
      }
      const file = join(directory, 'nginx.conf')
      await writeFile(file, frontSettings(directory, frontPort, remotePort))
      const [front] = await startLinks([
        async () => ({
          role: 'nginx',
          own: await OwnProcess.start({
            name: 'nginx',
            command: nginxCommand,
            args: ['-p', directory, '-e', 'stderr', '-c', file],
            isReady: () => reachesApp(frontPort),
          }),
        }),
      ]).catch(async (error: unknown) => {
        for (const link of links.toReversed()) await link.own.stop()
        throw error
      })
      if (front === undefined) throw new Error('nginx did not start')
      const description = 'real frp behind nginx, kept-alive connections to the app'
      return chainTarget({ name, port: frontPort, links: [front, ...links], description })
    },
  }
}

function serverSettings(port: number, backstage: TunnelBackstage): string {
  const certificates = join(backstage.certsDirectory, 'frp')
  return `bindAddr = "127.0.0.1"
bindPort = ${port}
proxyBindAddr = "127.0.0.1"
transport.tls.force = true
transport.tls.certFile = "${certificates}/server.crt"
transport.tls.keyFile = "${certificates}/server.key"
transport.tls.trustedCaFile = "${certificates}/ca.crt"
log.to = "console"
log.level = "warn"
maxPortsPerClient = 1
allowPorts = [{ start = 23000, end = 23999 }]
`
}

function frontSettings(directory: string, port: number, remotePort: number): string {
  return `
worker_processes 1; daemon off; pid ${directory}/nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_max_body_size 0; proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;
  proxy_read_timeout 600s; proxy_send_timeout 600s;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  map $http_upgrade $upgrade_connection { default upgrade; '' ''; }
  upstream tunnel { server 127.0.0.1:${remotePort}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://tunnel;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade_connection;
    }
  }
}
`
}
