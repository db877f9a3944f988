/**
 * How each reverse proxy is started with its snippet: the smallest site around it, like the one in which an
 * administrator would paste it, with Nextcloud's part played by fixed answers.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../support/free-ports.ts'
import { FrontProcess } from './front-process.ts'
import { snippetFor } from './snippets.ts'

export interface Front {
  readonly port: number
  /** What the program printed; its log goes there too. */
  readonly output: string
  stop(): Promise<void>
}

/** Longer than the Apache of these tests waits for a body, shorter than it waits for an answer. */
export const shortSilenceMs = 2_200
/** Longer than both. */
export const longSilenceMs = 3_600

/** Changes a snippet, to see what a line is good for. */
export type Edit = (snippet: string) => string

const asDocumented: Edit = (text) => text

export async function startNginx(gatewayPort: number, edit: Edit = asDocumented): Promise<Front> {
  return startFront(async (directory, port) => {
    // NOTE: the two regular expressions are Nextcloud's own; without `^~` they would take an app's files.
    const config = `
      worker_processes 1; daemon off; master_process off; pid ${directory}/nginx.pid; error_log stderr info;
      events { worker_connections 256; }
      http {
        access_log off;
        ${tempPaths(directory)}
        ${edit(snippetFor('nginx-http', gatewayPort))}
        server {
          listen 127.0.0.1:${port};
          location ~ \\.php(?:$|/) { return 404 'nextcloud php'; }
          location ~ \\.(?:css|js|mjs|svg|gif|ico|jpg|png|webp|wasm|tflite|map|ogg|flac)$ { return 404 'nextcloud file'; }
          ${edit(snippetFor('nginx-server', gatewayPort))}
          location / { return 200 'nextcloud'; }
        }
      }`
    await writeFile(join(directory, 'nginx.conf'), config)
    return {
      program: 'nginx',
      args: ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')],
    }
  })
}

export async function startCaddy(gatewayPort: number, edit: Edit = asDocumented): Promise<Front> {
  return startFront(async (directory, port) => {
    const config = `{
	admin off
	auto_https off
}
http://:${port} {
	bind 127.0.0.1
${edit(snippetFor('caddy', gatewayPort))}
	respond "nextcloud"
}
`
    await writeFile(join(directory, 'Caddyfile'), config)
    return {
      program: 'caddy',
      args: ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'],
      environment: { HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
    }
  })
}

export async function startApache(gatewayPort: number, edit: Edit = asDocumented): Promise<Front> {
  return startFront(async (directory, port) => {
    // NOTE: modules that Debian enables and the three that the page names; the server's own limits are Debian's
    // (Timeout 300, body 10) made short, so that a test need not wait for so long.
    const modules = 'mpm_event authz_core headers proxy proxy_http reqtimeout rewrite'.split(' ')
    const config = `
      ServerRoot "${directory}"
      ServerName 127.0.0.1
      Listen 127.0.0.1:${port}
      PidFile "${directory}/apache.pid"
      DefaultRuntimeDir "${directory}"
      Mutex file:${directory} default
      ErrorLog "${directory}/error.log"
      LogLevel warn
      StartServers 1
      ThreadsPerChild 25
      ${modules.map((each) => `LoadModule ${each}_module /usr/lib/apache2/modules/mod_${each}.so`).join('\n      ')}
      Timeout 3
      RequestReadTimeout header=20-40,minrate=500
      RequestReadTimeout body=1,minrate=500
      <VirtualHost 127.0.0.1:${port}>
      DocumentRoot "${directory}/www"
      ${edit(snippetFor('apache', gatewayPort))}
      RewriteEngine on
      RewriteRule ^/$ - [R=204,L]
      </VirtualHost>`
    await mkdir(join(directory, 'www'))
    await writeFile(join(directory, 'apache.conf'), config)
    return { program: 'apache2', args: ['-X', '-f', join(directory, 'apache.conf')] }
  })
}

interface Prepared {
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

async function startFront(prepare: (directory: string, port: number) => Promise<Prepared>): Promise<Front> {
  const directory = await mkdtemp(join(tmpdir(), 'harp-front-'))
  const [port = 0] = await freePorts(1)
  const clean = (): Promise<void> => rm(directory, { recursive: true, force: true })
  try {
    const front = await FrontProcess.start({ ...(await prepare(directory, port)), cwd: directory, port })
    return {
      port,
      get output() {
        return front.output
      },
      async stop() {
        await front.stop()
        await clean()
      },
    }
  } catch (error) {
    await clean()
    throw error
  }
}

/** nginx wants places for bodies it never buffers here. */
export function tempPaths(directory: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((each) => `${each}_temp_path ${directory}/${each};`).join(' ')
}
