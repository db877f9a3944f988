import { HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { isAppId } from '../access/request-path.ts'
import type { Cluster } from '../kubernetes/cluster.ts'
import { kubernetesProblem } from '../kubernetes/errors.ts'
import type { AppDirectory } from '../nextcloud/app-directory.ts'
import { parseExAppMeta, parseJson } from '../nextcloud/exapp-meta.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { defaultBodyLimit, json, noContent, text, type ControlRoute } from './control-api.ts'

export interface ControlRoutesOptions {
  readonly apps: AppDirectory
  readonly cluster: Cluster
  /** Our own version, beside the feature level that AppAPI checks. */
  readonly version: string
  readonly log: Logger
}

/** The HaRP feature level that we report: AppAPI compares it with its minimum. */
const featureLevel = '0.4.4'

export function controlRoutes(options: ControlRoutesOptions): ControlRoute[] {
  return [
    {
      methods: ['GET'],
      pattern: /^\/heartbeat$/,
      maxBodyBytes: 0,
      handle: () => json(200, { status: 'ok' }),
    },
    { methods: ['GET'], pattern: /^\/info$/, maxBodyBytes: 0, handle: () => info(options) },
    {
      methods: ['POST'],
      pattern: /^\/exapp_storage\/([^/]+)$/,
      maxBodyBytes: defaultBodyLimit,
      handle: (body, match) => storeApp(options, match[1] ?? '', body),
    },
    {
      methods: ['DELETE'],
      pattern: /^\/exapp_storage\/([^/]+)$/,
      maxBodyBytes: defaultBodyLimit,
      handle: (_, match) =>
        options.apps.evict((match[1] ?? '').toLowerCase()) ? noContent : text(404, '404: Not Found'),
    },
  ]
}

async function info({ cluster, version }: ControlRoutesOptions): Promise<LocalResponse> {
  const kubernetes = cluster.isEnabled
    ? { enabled: true, api_server: cluster.apiServer, reachable: await cluster.isReachable() }
    : { enabled: false }
  return json(200, {
    version: featureLevel,
    docker: true,
    kubernetes,
    implementation: 'Harp',
    implementation_version: version,
  })
}

async function storeApp(options: ControlRoutesOptions, name: string, body: Buffer): Promise<LocalResponse> {
  const appId = name.toLowerCase()
  if (!isAppId(appId)) return text(400, `400: Bad Request: '${appId.slice(0, 64)}' is not an app id`)
  const input = parseJson(body.toString('utf8'))
  if (input === undefined) return text(400, 'Invalid JSON body')
  const parsed = parseExAppMeta(appId, input, options.log)
  if (parsed.kind === 'invalid') return text(400, `400: Bad Request: ${parsed.problem}`)
  try {
    await options.apps.push(parsed.record)
    return noContent
  } catch (error) {
    if (!(error instanceof HarpError)) throw error
    const problem = `K8s API error during Service lookup for '${appId}'`
    options.log.warn({ appId, code: error.code, problem: error.message }, 'a pushed record was refused')
    return text(503, `${problem}: ${kubernetesProblem(error)}`)
  }
}
