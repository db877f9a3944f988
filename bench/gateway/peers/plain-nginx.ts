/** nginx as a plain reverse proxy: one worker, kept-alive upstream connections, streams not stored. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../test/support/free-ports.ts'
import { accepts, OwnProcess } from '../../own-process.ts'
import type { Peer } from '../../target.ts'
import type { Backstage } from '../backstage.ts'
import { staticApp, streamApp } from '../workloads.ts'

export function plainNginx(command: string, backstage: Backstage): Peer {
  return {
    name: 'nginx',
    async start() {
      const [port = 0] = await freePorts(1)
      const directory = await mkdtemp(join(backstage.directory, 'nginx-'))
      const file = join(directory, 'nginx.conf')
      await writeFile(file, configuration(directory, port, backstage))
      const own = await OwnProcess.start({
        name: 'nginx',
        command,
        args: ['-p', directory, '-e', 'stderr', '-c', file],
        isReady: () => accepts(port),
      })
      return {
        name: 'nginx',
        host: '127.0.0.1',
        port,
        pids: [own.pid],
        description: 'plain nginx: proxy_pass, 1 worker, keepalive upstream, bodies not stored',
        get failure() {
          return own.failure
        },
        stop: () => own.stop(),
      }
    },
  }
}

/** Two per WebSocket, and some to spare: with few left nginx ends connections that wait for their first request. */
const connectionsEach = 2.5

function configuration(directory: string, port: number, backstage: Backstage): string {
  return `
worker_processes 1; daemon off; pid ${directory}/nginx.pid; error_log stderr error;
worker_rlimit_nofile ${backstage.maxConnections * 2 + 100};
events { worker_connections ${Math.ceil(backstage.maxConnections * connectionsEach)}; }
http {
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_max_body_size 0; proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;
  proxy_read_timeout 600s; proxy_send_timeout 600s;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  map $http_upgrade $upgrade_connection { default upgrade; '' ''; }
  upstream fixed { server 127.0.0.1:${backstage.fixedPort}; keepalive 512; keepalive_requests 1000000000; }
  upstream stream { server 127.0.0.1:${backstage.streamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /exapps/${staticApp}/ { proxy_pass http://fixed; proxy_set_header Connection ''; }
    location /exapps/${streamApp}/ {
      proxy_pass http://stream;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade_connection;
    }
  }
}
`
}
