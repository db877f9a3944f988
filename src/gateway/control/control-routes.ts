import type { Logger } from '../../base/logger.ts'
import { isAppId } from '../access/request-path.ts'
import type { AppDirectory } from '../nextcloud/app-directory.ts'
import { parseExAppMeta, parseJson } from '../nextcloud/exapp-meta.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { defaultBodyLimit, json, noContent, text, type ControlRoute } from './control-api.ts'

export interface ControlRoutesOptions {
  readonly apps: AppDirectory
  readonly kubernetesEnabled: boolean
  readonly kubernetesApiServer: string
  /** Our own version, beside the feature level that AppAPI checks. */
  readonly version: string
  readonly log: Logger
}

/** The HaRP feature level that we report: AppAPI compares it with its minimum. */
const featureLevel = '0.4.4'
/** CA bundles of install_certificates are large (W28). */
const certificateBodyLimit = 16 * 1_048_576

export function controlRoutes(options: ControlRoutesOptions): ControlRoute[] {
  return [
    {
      methods: ['GET'],
      pattern: /^\/heartbeat$/,
      maxBodyBytes: 0,
      handle: () => json(200, { status: 'ok' }),
    },
    { methods: ['GET'], pattern: /^\/info$/, maxBodyBytes: 0, handle: () => json(200, info(options)) },
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
    notYet(
      ['POST'],
      /^\/docker\/exapp\/(?:exists|create|start|stop|wait_for_start|remove|image_remove)$/,
      'Docker deployment',
    ),
    notYet(['POST'], /^\/docker\/exapp\/install_certificates$/, 'Docker deployment'),
    notYet(
      ['POST'],
      /^\/k8s\/exapp\/(?:exists|create|start|stop|wait_for_start|remove|expose|install_certificates)$/,
      'Kubernetes deployment',
    ),
    notYet(['POST'], /^\/frp_handler$/, 'The FRP login plugin'),
  ]
}

function notYet(methods: readonly string[], pattern: RegExp, what: string): ControlRoute {
  return {
    methods,
    pattern,
    maxBodyBytes: certificateBodyLimit,
    handle: () =>
      text(501, `${what} is not supported by this version of Harp yet; ExApps that run already are served.`),
  }
}

function info(options: ControlRoutesOptions): unknown {
  return {
    version: featureLevel,
    docker: true,
    kubernetes: options.kubernetesEnabled
      ? { enabled: true, api_server: options.kubernetesApiServer, reachable: false }
      : { enabled: false },
    implementation: 'Harp',
    implementation_version: options.version,
  }
}

function storeApp(options: ControlRoutesOptions, name: string, body: Buffer): LocalResponse {
  const appId = name.toLowerCase()
  if (!isAppId(appId)) return text(400, `400: Bad Request: '${appId.slice(0, 64)}' is not an app id`)
  const input = parseJson(body.toString('utf8'))
  if (input === undefined) return text(400, 'Invalid JSON body')
  const parsed = parseExAppMeta(appId, input, options.log)
  if (parsed.kind === 'invalid') return text(400, `400: Bad Request: ${parsed.problem}`)
  options.apps.put(parsed.record)
  return noContent
}
