import { systemClock, type Clock } from '../../base/clock.ts'
import { isAppId } from '../access/request-path.ts'
import { parseBaseUrl, showUrl } from '../config/base-url.ts'
import type { ConfigFiles, ConfigProblem, GatewayConfig } from '../config/config.ts'
import type { Environment } from '../config/env.ts'
import { parseConfig } from '../config/parse-config.ts'
import { checkApp } from './app-checks.ts'
import { checkKubernetes } from '../kubernetes/kubernetes-checks.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import type { GatewayAccess } from './echo.ts'
import { checkEngines } from './engine-checks.ts'
import { checkGateway, directBase } from './gateway-checks.ts'
import { checkKey, type KeyFindings } from './key-check.ts'
import { checkNextcloud } from './nextcloud-checks.ts'
import { checkProxy } from './proxy-checks.ts'
import type { CheckGroup, Report } from './report.ts'
import { checkTunnels } from './tunnel-checks.ts'

export interface DoctorOptions {
  /** The gateway's own environment. */
  readonly env: Environment
  readonly files: ConfigFiles
  readonly version: string
  /** Nextcloud's public URL; undefined: the reverse proxy is not looked at. */
  readonly url: string | undefined
  readonly app: string | undefined
  readonly clock?: Clock
  /** For each single question. */
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 5_000

/**
 * `harp doctor`: walks reverse proxy, gateway, Nextcloud and app from where the gateway runs, and names what is
 * broken with the fix. It changes nothing, and never rejects for what it finds.
 */
export async function runDoctor(options: DoctorOptions): Promise<Report> {
  const { config, problems } = parseConfig(options.env, options.files)
  const arguments_ = checkArguments(options)
  const configuration: CheckGroup = {
    hop: 'configuration',
    title: 'Configuration',
    checks: [...problems.map(describe), ...arguments_.checks, ...(problems.length === 0 ? [valid] : [])],
  }
  if (config === null) return { groups: [configuration] }
  return { groups: [configuration, ...(await walk(options, config, arguments_))] }
}

async function walk(
  options: DoctorOptions,
  config: GatewayConfig,
  { publicUrl, appId }: Arguments,
): Promise<readonly CheckGroup[]> {
  const { clock = systemClock, timeoutMs = defaultTimeoutMs } = options
  const { sharedKey, trustedProxies } = config
  const access: GatewayAccess = { base: directBase(config.listen.http), sharedKey, clock, timeoutMs }
  const [gateway, nextcloud] = await Promise.all([
    checkGateway({ config, version: options.version, access, publicUrl }),
    checkNextcloud(config, clock, timeoutMs),
  ])
  const key: KeyFindings = nextcloud.isUp
    ? await checkKey({ config, appId, status: gateway.status, timeoutMs })
    : { check: skip('shared key', 'Nextcloud cannot be asked'), record: null }
  const isUp = gateway.instance !== null
  const tunnels = await checkTunnels({ config, version: options.version, access, isUp })
  const [engines, kubernetes, proxy, app] = await Promise.all([
    checkEngines({
      config,
      isUp,
      pid: gateway.status?.pid ?? null,
      tunnels: tunnels.overview,
      timeoutMs,
    }),
    config.kubernetesEnabled
      ? checkKubernetes({ config: config.kubernetes, isEnabled: true, timeoutMs })
      : [],
    publicUrl === null
      ? [skip('way to the gateway', 'give Nextcloud’s public URL: --url https://cloud.example.com')]
      : checkProxy({
          access: { ...access, base: publicUrl },
          gateway: config.listen.http,
          instance: gateway.instance,
          trustedProxies,
        }),
    appId === null
      ? [skip('app', 'name an installed app: --app ID')]
      : key.record === null
        ? [
            skip(
              'app',
              nextcloud.isUp ? `Nextcloud has no usable record of ${appId}` : 'Nextcloud cannot be asked',
            ),
          ]
        : checkApp({ record: key.record, access, isUp, tunnels: tunnels.overview }),
  ])
  return [
    {
      hop: 'proxy',
      title: publicUrl === null ? 'Reverse proxy' : `Reverse proxy ${publicUrl.origin}`,
      checks: proxy,
    },
    { hop: 'gateway', title: 'Gateway', checks: gateway.checks },
    { hop: 'tunnels', title: 'Tunnels', checks: tunnels.checks },
    { hop: 'engines', title: 'Docker engines', checks: engines },
    ...(config.kubernetesEnabled
      ? [{ hop: 'kubernetes', title: 'Kubernetes', checks: kubernetes } as const]
      : []),
    { hop: 'nextcloud', title: 'Nextcloud', checks: [...nextcloud.checks, key.check] },
    { hop: 'app', title: appId === null ? 'App' : `App ${appId}`, checks: app },
  ]
}

interface Arguments {
  readonly publicUrl: URL | null
  readonly appId: string | null
  readonly checks: readonly Check[]
}

function checkArguments({ url, app }: DoctorOptions): Arguments {
  const checks: Check[] = []
  const parsed = url === undefined ? null : parseBaseUrl(url)
  if (parsed?.kind === 'bad') {
    checks.push(fail('--url', `${showUrl(url ?? '')} ${parsed.message}`, parsed.fix))
  }
  const isKnownGrammar = app === undefined || isAppId(app.toLowerCase())
  if (!isKnownGrammar) {
    checks.push(fail('--app', `${app} is not an app id`, 'ExApp ids are made of a-z, 0-9, _ and -'))
  }
  return {
    publicUrl: parsed?.kind === 'ok' ? parsed.url : null,
    appId: app === undefined || !isKnownGrammar ? null : app,
    checks,
  }
}

const valid = ok('settings', 'valid')

function describe(problem: ConfigProblem): Check {
  const { severity, name, value, message, fix } = problem
  const detail = value === null ? message : `"${value}" ${message}`
  return severity === 'fatal' ? fail(name, detail, fix) : warn(name, detail, fix)
}
