import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import { silentLogger } from '../../base/logger.ts'
import type { GatewayStatus } from '../admin/operator-api.ts'
import type { ExAppRecord } from '../access/exapp-record.ts'
import type { GatewayConfig } from '../config/config.ts'
import { parseExAppMeta, parseJson } from '../nextcloud/exapp-meta.ts'
import { NextcloudClient, nextcloudClientDefaults } from '../nextcloud/nextcloud-client.ts'
import { excerpt, fail, ok, skip, type Check } from './check.ts'

export interface KeyFindings {
  readonly check: Check
  /** What Nextcloud says of the app that was asked for. */
  readonly record: ExAppRecord | null
}

export interface KeyCheckOptions {
  readonly config: GatewayConfig
  /** null: none was named, and only AppAPI's presence can be seen. */
  readonly appId: string | null
  /** Of the running gateway, if it could be asked. */
  readonly status: GatewayStatus | null
  readonly timeoutMs: number
}

const name = 'shared key'
/** No app has this id: AppAPI ids do not start with a dash. */
const nobodysId = '-'

/**
 * Asks Nextcloud for the app's record, as the gateway does. One call: for a wrong key Nextcloud counts it
 * against the gateway's address.
 */
export async function checkKey(options: KeyCheckOptions): Promise<KeyFindings> {
  const { config, appId, timeoutMs } = options
  const client = new NextcloudClient({
    ...nextcloudClientDefaults,
    baseUrl: config.nextcloudUrl,
    connectTimeoutMs: timeoutMs,
    totalTimeoutMs: timeoutMs,
  })
  const asked = (appId ?? nobodysId).toLowerCase()
  try {
    const { status, body } = await client.get(
      `/index.php/apps/app_api/harp/exapp-meta?appId=${encodeURIComponent(asked)}`,
      { 'harp-shared-key': config.sharedKey.reveal() },
    )
    return judge(options, status, body)
  } catch (error) {
    const fix = error instanceof HarpError ? error.fix : undefined
    const check = fail(
      name,
      `could not be tried: ${errorCode(error)} ${errorMessage(error)}`,
      fix ?? "look into Nextcloud's log",
    )
    return { check, record: null }
  } finally {
    client.close()
  }
}

function judge(options: KeyCheckOptions, status: number, body: string): KeyFindings {
  const { config, appId } = options
  if (status === 200 && appId !== null) {
    const parsed = parseExAppMeta(appId.toLowerCase(), parseJson(body), silentLogger)
    if (parsed.kind === 'record') {
      return {
        check: ok(name, `Nextcloud accepts it for the daemon of ${appId}`),
        record: parsed.record,
      }
    }
    const check = fail(
      name,
      `Nextcloud accepts it, but its record of ${appId} cannot be used: ${parsed.problem}`,
      'update AppAPI, then register the app again',
    )
    return { check, record: null }
  }
  // Only AppAPI itself refuses in JSON; a page of Nextcloud is HTML.
  const isFromAppApi = (status === 401 || status === 404) && parseJson(body) !== undefined
  if (isFromAppApi) return { check: refused(options), record: null }
  if (status === 400) {
    const check = fail(
      name,
      `Nextcloud refuses the host name ${config.nextcloudUrl.host} as untrusted (400)`,
      `occ config:system:set trusted_domains 9 --value=${config.nextcloudUrl.hostname}, or use a trusted name in NC_INSTANCE_URL`,
    )
    return { check, record: null }
  }
  if (status === 429) {
    const check = fail(
      name,
      'Nextcloud holds back the gateway’s address after too many failures (429)',
      'correct the shared key, then occ security:bruteforce:reset ADDRESS-OF-THE-GATEWAY',
    )
    return { check, record: null }
  }
  const check =
    status >= 500
      ? fail(name, `Nextcloud answers ${status} ${excerpt(body)}`, "look into Nextcloud's log")
      : fail(
          name,
          `AppAPI does not answer (${status} ${excerpt(body)})`,
          'occ app:enable app_api; if it is enabled, correct the path in NC_INSTANCE_URL',
        )
  return { check, record: null }
}

function refused({ appId, status }: KeyCheckOptions): Check {
  if (appId === null) {
    return skip(name, 'AppAPI answers; whether it takes the key shows only with an installed app: --app ID')
  }
  const others =
    status !== null && status.apps.known > 0
      ? ` The gateway knows ${status.apps.known} other apps, so the key is right for their daemon.`
      : ''
  return fail(
    name,
    `Nextcloud answers 401 for ${appId}, which it says for an unknown app and for a wrong key alike.${others}`,
    `occ app_api:app:list must list ${appId}: if it does not, install the app; if it does, make the HaRP shared key of its deploy daemon equal to HP_SHARED_KEY. To tell them apart, try --app with another installed app`,
  )
}
