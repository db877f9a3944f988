/**
 * What docs/reverse-proxy.md says goes wrong without a line of a snippet: here the line is missing, and it does.
 * So no line is in the page out of habit, and no claim about one is guessed (rows marked ° in the page excepted).
 */
// oxlint-disable vitest/no-standalone-expect -- `test` comes from realPart: a vitest test with a skip rule
import { afterAll, describe, expect } from 'vitest'
import type { Endpoint } from '../support/raw-http.ts'
import { isCommandInstalled, realPart } from '../support/real-parts.ts'
import { Backstage, banCount, clientOf } from './backstage.ts'
import {
  largeUpload,
  request,
  stallingUpload,
  streamedPieces,
  uploadInTwoPieces,
  webSocketEcho,
} from './front-checks.ts'
import { type Front, longSilenceMs, shortSilenceMs, startApache, startCaddy, startNginx } from './fronts.ts'

interface Scene {
  readonly backstage: Backstage
  readonly endpoint: Endpoint
}

interface Line {
  readonly line: string
  /** Instead of the line; empty: nothing. */
  readonly instead?: string
  readonly consequence: string
  readonly check: (scene: Scene) => Promise<void>
}

const nginx: readonly Line[] = [
  {
    line: '^~',
    consequence: "Nextcloud's rule for files takes an app's script",
    async check({ endpoint }) {
      const response = await request(endpoint, { target: '/exapps/foo/public/app.js' })
      expect(response.body.toString()).toBe('nextcloud file')
    },
  },
  {
    line: 'proxy_pass http://harp;',
    instead: 'proxy_pass http://harp/exapps/;',
    consequence: 'escapes are decoded',
    async check(scene) {
      expect(await pathAtApp(scene, '/public/a%2Fb')).toBe('/public/a/b')
    },
  },
  { line: 'proxy_http_version 1.1;', consequence: 'WebSockets fail', check: expectNoWebSocket },
  {
    line: 'proxy_set_header Host $http_host;',
    consequence: 'the app sees another host name',
    async check(scene) {
      expect(await hostAtApp(scene)).toBe('harp')
    },
  },
  {
    line: 'proxy_set_header Upgrade $http_upgrade;',
    consequence: 'WebSockets fail',
    check: expectNoWebSocket,
  },
  {
    line: 'proxy_set_header Connection $harp_connection;',
    consequence: 'WebSockets fail',
    check: expectNoWebSocket,
  },
  {
    line: 'proxy_set_header X-Forwarded-For $remote_addr;',
    consequence: 'clients choose the address by which they are counted',
    async check({ endpoint }) {
      const statuses: number[] = []
      for (let at = 0; at <= banCount; at += 1) {
        const headers = [['X-Forwarded-For', `203.0.113.${at}`]] as const
        statuses.push((await request(endpoint, { target: '/exapps/foo/nothing', headers })).status)
      }
      expect(statuses).toEqual([404, 404, 404, 404])
    },
  },
  {
    line: 'proxy_buffering off;',
    consequence: 'a response of known length is held back',
    check: expectHeldBack,
  },
  {
    line: 'proxy_request_buffering off;',
    consequence: 'an upload reaches the app only when it is complete',
    async check({ backstage, endpoint }) {
      await expect(uploadInTwoPieces(backstage.app, endpoint, '/exapps/foo/public/up')).rejects.toThrow(
        'a request at the ExApp',
      )
    },
  },
  {
    line: 'client_max_body_size 0;',
    consequence: 'uploads over 1 MB are 413',
    async check({ endpoint }) {
      const { response } = await largeUpload(endpoint, '/exapps/foo/public/up', 1_100_000)
      expect(response.status).toBe(413)
    },
  },
]

const caddy: readonly Line[] = [
  {
    line: 'handle /exapps/*',
    instead: 'handle_path /exapps/*',
    consequence: 'the prefix is stripped: 404',
    async check({ endpoint }) {
      const response = await request(endpoint, { target: '/exapps/foo/public' })
      expect([response.status, response.body.toString()]).toEqual([404, '404 Not Found'])
    },
  },
  {
    line: 'flush_interval -1',
    consequence: 'a response of known length is held back',
    check: expectHeldBack,
  },
]

const apache: readonly Line[] = [
  {
    line: 'AllowEncodedSlashes NoDecode',
    consequence: 'Apache itself answers 404 for an escaped slash',
    async check({ endpoint }) {
      const response = await request(endpoint, { target: '/exapps/foo/public/a%2Fb' })
      expect(response.status).toBe(404)
      expect(response.body.toString()).toContain('<html>')
    },
  },
  {
    line: ' nocanon',
    consequence: 'escapes are written anew',
    async check(scene) {
      expect(await pathAtApp(scene, '/public/%c3%a9%7e')).not.toBe('/public/%c3%a9%7e')
    },
  },
  {
    line: 'ProxyPreserveHost On',
    consequence: 'the app sees another host name',
    async check(scene) {
      expect(await hostAtApp(scene)).toBe(`127.0.0.1:${scene.backstage.port}`)
    },
  },
  { line: ' upgrade=websocket', consequence: 'WebSockets fail', check: expectNoWebSocket },
  {
    line: 'RequestReadTimeout body=0',
    consequence: 'an upload that stalls is ended',
    async check({ endpoint }) {
      const response = await stallingUpload(endpoint, '/exapps/foo/public/stall', shortSilenceMs)
      expect(response.status).toBe(408)
    },
  },
  {
    line: ' timeout=1800',
    consequence: "silence longer than Apache's own limit is 502",
    async check({ endpoint }) {
      const response = await request(endpoint, { target: `/exapps/foo/public?do=slow&ms=${longSilenceMs}` })
      expect(response.status).toBe(502)
    },
  },
]

describeLines('nginx', startNginx, nginx)
describeLines('caddy', startCaddy, caddy)
describeLines('apache2', startApache, apache)

function describeLines(program: string, start: typeof startNginx, lines: readonly Line[]): void {
  describe(`${program} without`, () => {
    const test = realPart(program, () => isCommandInstalled(program))
    let backstage: Promise<Backstage> | undefined
    afterAll(async () => {
      await (await backstage)?.stop()
    })

    for (const { line, instead = '', consequence, check } of lines) {
      test(`\`${line.trim()}\`: ${consequence}`, async () => {
        backstage ??= Backstage.start()
        const behind = await backstage
        let removed = 0
        const front: Front = await start(behind.port, (snippet) => {
          if (snippet.includes(line)) removed += 1
          return snippet.replace(line, instead)
        })
        try {
          expect(removed).toBe(1)
          await check({ backstage: behind, endpoint: clientOf(front) })
        } finally {
          await front.stop()
        }
      })
    }
  })
}

async function expectNoWebSocket({ endpoint }: Scene): Promise<void> {
  await expect(webSocketEcho(endpoint, '/exapps/foo/public/socket')).rejects.toThrow(
    /Unexpected server response/,
  )
}

async function expectHeldBack({ backstage, endpoint }: Scene): Promise<void> {
  const how = { framing: 'length', type: 'application/octet-stream' } as const
  await expect(streamedPieces(backstage.app, endpoint, '/exapps/foo/public/s', how)).rejects.toThrow(
    'deadline',
  )
}

async function pathAtApp({ backstage, endpoint }: Scene, path: string): Promise<string | undefined> {
  const mark = `mark=${String(Math.random())}`
  await request(endpoint, { target: `/exapps/foo${path}?${mark}` })
  return backstage.app.requests((each) => each.target.endsWith(mark))[0]?.target.split('?')[0]
}

async function hostAtApp({ backstage, endpoint }: Scene): Promise<string | undefined> {
  const mark = `mark=${String(Math.random())}`
  await request(endpoint, {
    target: `/exapps/foo/public?${mark}`,
    headers: [['Host', 'cloud.example.com']],
  })
  return backstage.app.requests((each) => each.target.endsWith(mark))[0]?.header('host')
}
