/**
 * The conformance suite against any gateway that is already running:
 *
 *   npm run conformance -- --target http://127.0.0.1:8780
 *
 * Starts the stand-in Nextcloud and the stand-in ExApp, says how the gateway must be configured, runs the rows of
 * the default profile over sockets, prints a table and exits 1 when a row fails.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FakeExApp } from '../support/fake-exapp.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { exchange } from '../support/raw-http.ts'
import { profiles } from './profiles.ts'
import { allRows } from './rows/all-rows.ts'
import { type RowResult, runRows } from './run-rows.ts'
import { Scene, type TunnelAccess } from './scene.ts'

const help = `Usage: npm run conformance -- --target URL [options]

Runs the gateway's contract as black-box rows against a running gateway. The stand-in Nextcloud and the stand-in
ExApp listen on 127.0.0.1 of this machine, so the gateway must run here too (or share its network).

  --target URL              the gateway's plain HTTP port, e.g. http://127.0.0.1:8780
  --key TEXT                its shared key (sekret)
  --nextcloud-port N        port of the stand-in Nextcloud (18880)
  --exapp-port N            port of the stand-in ExApp (18881)
  --frp-port N              its port for tunnels; without it the rows of tunnels and engines are not run
  --frp-certs DIR           its frp directory (ca.crt, client.crt, client.key); without it tunnels have no TLS
  --blacklist-count N       its HP_BLACKLIST_COUNT (3)
  --session-lifetime S      its HP_SESSION_LIFETIME in seconds (2)
  --rows LIST               only these rows, e.g. 1,21,W6
  --concurrency N           rows at a time (4)
  --environment             print the environment the gateway needs, and end
  --help                    this text

Exit codes: 0 all rows pass, 1 a row fails or the gateway does not answer, 2 wrong usage.`

const options = {
  target: { type: 'string' },
  key: { type: 'string', default: 'sekret' },
  'nextcloud-port': { type: 'string', default: '18880' },
  'exapp-port': { type: 'string', default: '18881' },
  'frp-port': { type: 'string' },
  'frp-certs': { type: 'string' },
  'blacklist-count': { type: 'string', default: String(profiles.default.blacklistCount) },
  'session-lifetime': { type: 'string', default: String(profiles.default.sessionLifetimeMs / 1_000) },
  rows: { type: 'string' },
  concurrency: { type: 'string', default: '4' },
  environment: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

type Settings = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

process.exitCode = await main()

async function main(): Promise<number> {
  let settings: Settings
  try {
    settings = parseArgs({ options }).values
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${help}`)
    return 2
  }
  if (settings.help) {
    console.log(help)
    return 0
  }
  const environment = environmentOf(settings)
  if (settings.environment) {
    console.log(environment)
    return 0
  }
  const target = settings.target === undefined ? undefined : parseTarget(settings.target)
  if (target === undefined) {
    console.error(`--target must be an http:// URL\n\n${help}`)
    return 2
  }
  return runAgainst(target, settings, environment)
}

async function runAgainst(
  target: { readonly host: string; readonly port: number },
  settings: Settings,
  environment: string,
): Promise<number> {
  const nextcloud = await FakeNextcloud.start({ key: settings.key, port: Number(settings['nextcloud-port']) })
  const exapp = await FakeExApp.start({ port: Number(settings['exapp-port']) })
  try {
    console.log(`The gateway at ${settings.target} must run with at least:\n\n${environment}\n`)
    const answer = await exchange(target, {
      target: '/exapps/app_api/info',
      headers: [['harp-shared-key', settings.key]],
    })
    if (answer.kind !== 'response' || answer.response.status !== 200) {
      console.error(
        'The gateway does not answer GET /exapps/app_api/info with 200: wrong address, key or environment.',
      )
      return 1
    }
    const tunnels = tunnelAccess(target.host, settings)
    const scene = new Scene({
      ...(tunnels === null ? {} : { tunnels }),
      target,
      key: settings.key,
      blacklistCount: Number(settings['blacklist-count']),
      sessionLifetimeMs: Number(settings['session-lifetime']) * 1_000,
      nextcloud,
      exapp,
    })
    const wanted = settings.rows?.split(',')
    const rows = allRows.filter(
      (row) =>
        row.profile === 'default' &&
        (row.needsTunnels !== true || tunnels !== null) &&
        (wanted === undefined || wanted.includes(String(row.row))),
    )
    const results = await runRows(rows, scene, Number(settings.concurrency))
    return report(results, allRows.length - rows.length)
  } catch (error) {
    console.error(`The gateway at ${settings.target} cannot be reached: ${String(error)}`)
    return 1
  } finally {
    await Promise.all([nextcloud.stop(), exapp.stop()])
  }
}

function report(results: readonly RowResult[], notRun: number): number {
  for (const { row, failure, tookMs } of results) {
    const mark = failure === undefined ? 'pass' : 'FAIL'
    console.log(`${mark}  ${String(row.row).padEnd(4)} ${row.title}  (${Math.round(tookMs)} ms)`)
    if (failure !== undefined) console.log(shorten(failure).replace(/^/gm, '        '))
  }
  const failed = results.filter(({ failure }) => failure !== undefined).length
  console.log(
    `\nNot run: ${notRun} rows that were not asked for, or need other settings, a gateway of their own, or --frp-port.`,
  )
  console.log(`${results.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** The message, and of the stack only where the row stood. */
function shorten(failure: string): string {
  const lines = failure.split('\n').filter((line) => line.trim() !== '')
  return lines.filter((line) => !/^\s+at /.test(line) || line.includes('/rows/')).join('\n')
}

function environmentOf(settings: Settings): string {
  const variables = {
    HP_SHARED_KEY: settings.key,
    NC_INSTANCE_URL: `http://127.0.0.1:${settings['nextcloud-port']}`,
    ...profiles.default.environment,
    HP_BLACKLIST_COUNT: settings['blacklist-count'],
    HP_SESSION_LIFETIME: settings['session-lifetime'],
    ...(settings['frp-certs'] === undefined ? { HP_FRP_DISABLE_TLS: 'true' } : {}),
  }
  return Object.entries(variables)
    .map(([name, value]) => `  ${name}=${value}`)
    .join('\n')
}

function tunnelAccess(host: string, settings: Settings): TunnelAccess | null {
  const { 'frp-port': port, 'frp-certs': directory } = settings
  if (port === undefined) return null
  const server = { host, port: Number(port) }
  if (directory === undefined) return { server, tls: 'off' }
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8')
  const tls = {
    ca: read('ca.crt'),
    cert: read('client.crt'),
    key: read('client.key'),
    serverName: 'harp.nc',
  }
  return { server, tls }
}

function parseTarget(text: string): { host: string; port: number } | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:') return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port === '' ? '80' : url.port) }
}
