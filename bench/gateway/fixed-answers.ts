/** The upstream with fixed answers: a second nginx, which answers faster than any gateway can ask. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bodyBytes } from '../workload.ts'
import { largeBytes, staticApp } from './workloads.ts'

/**
 * Writes what it serves into the directory and returns its configuration. Each path exists twice: as an app
 * sees it behind a gateway, and with the prefix that a plain proxy leaves in place.
 */
export async function prepareFixedAnswers(directory: string, port: number): Promise<string> {
  const file = join(directory, 'large.bin')
  const handle = await open(file, 'w')
  try {
    await handle.truncate(largeBytes)
  } finally {
    await handle.close()
  }
  const small = `default_type text/plain; return 200 "${'x'.repeat(bodyBytes)}";`
  const location = (path: string, text: string): string =>
    [path, `/exapps/${staticApp}${path}`].map((each) => `location = ${each} { ${text} }`).join('\n    ')
  return `
worker_processes 1; daemon off; pid ${directory}/fixed-answers.pid; error_log stderr error;
events { worker_connections 4096; multi_accept on; }
http {
  access_log off; sendfile on; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 300s; open_file_cache max=16;
  client_body_temp_path ${directory}/fixed-body; proxy_temp_path ${directory}/fixed-proxy;
  fastcgi_temp_path ${directory}/fixed-fastcgi; uwsgi_temp_path ${directory}/fixed-uwsgi; scgi_temp_path ${directory}/fixed-scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096 reuseport;
    ${location('/public/1k', small)}
    ${location('/user/1k', small)}
    ${location('/protected/1k', small)}
    ${location('/public/100m', `default_type application/octet-stream; alias ${file};`)}
    location / { return 404; }
  }
}
`
}
