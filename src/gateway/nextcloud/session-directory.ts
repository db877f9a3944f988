import { hash, randomBytes } from 'node:crypto'
import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Secret } from '../../base/secret.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import type { UserLookup } from '../access/exapp-record.ts'
import type { NextcloudGet } from './app-directory.ts'
import { parseJson, parseUserInfo } from './exapp-meta.ts'

export interface SessionDirectoryOptions {
  readonly nextcloud: NextcloudGet
  readonly sharedKey: Secret
  /** 0: every request asks. */
  readonly lifetimeMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** What identifies a user to Nextcloud: forwarded headers of the request, lower-case names. */
export interface Credentials {
  readonly cookie: string
  readonly authorization: string
  /** The other allowed headers (W20), as name and value pairs. */
  readonly context: () => Readonly<Record<string, string>>
}

const maxSessions = 10_000
const salt = randomBytes(16).toString('hex')

/**
 * Who a request is, asked of Nextcloud and remembered for a few seconds. The key is a salted hash of all
 * cookies, the Authorization header and the app, so that no combination can poison another's entry (W18),
 * and no cookie is kept. Concurrent requests of one session share one call.
 */
export class SessionDirectory {
  readonly #options: SessionDirectoryOptions
  readonly #users: BoundedMap<string, UserLookup>
  readonly #flights = new SingleFlight<string, UserLookup>()

  constructor(options: SessionDirectoryOptions) {
    this.#options = options
    this.#users = new BoundedMap({
      maxEntries: maxSessions,
      maxAgeMs: options.lifetimeMs,
      now: () => options.clock.monotonic(),
    })
  }

  get size(): number {
    return this.#users.size
  }

  /** Answers at once where it can; the promise never rejects. */
  find(appId: string, credentials: Credentials): UserLookup | Promise<UserLookup> {
    const key = hash(
      'sha256',
      `${salt}\0${appId}\0${credentials.authorization}\0${credentials.cookie}`,
      'base64',
    )
    const known = this.#options.lifetimeMs > 0 ? this.#users.get(key) : undefined
    if (known !== undefined) return known
    return this.#flights.run(key, async () => {
      const user = await this.#ask(appId, credentials)
      if (user.cacheable && this.#options.lifetimeMs > 0) this.#users.set(key, user.lookup)
      return user.lookup
    })
  }

  evictExpired(): void {
    this.#users.evictExpired()
  }

  async #ask(appId: string, credentials: Credentials): Promise<{ lookup: UserLookup; cacheable: boolean }> {
    const { nextcloud, sharedKey, log } = this.#options
    const headers: Record<string, string> = {
      ...credentials.context(),
      'harp-shared-key': sharedKey.reveal(),
    }
    if (credentials.cookie !== '') headers['cookie'] = credentials.cookie
    if (credentials.authorization !== '') headers['authorization'] = credentials.authorization
    try {
      const answer = await nextcloud.get(
        `/index.php/apps/app_api/harp/user-info?appId=${encodeURIComponent(appId)}`,
        headers,
      )
      // A refusal is a visitor without a user, and is asked again next time (row 26).
      if (answer.status >= 400 && answer.status < 500) {
        return { lookup: { kind: 'anonymous' }, cacheable: false }
      }
      const user = answer.status < 300 ? parseUserInfo(parseJson(answer.body)) : null
      if (user !== null) return { lookup: user, cacheable: true }
      log.warn({ appId, status: answer.status }, 'Nextcloud sent an unusable answer about the user')
    } catch (error) {
      log.warn(
        { appId, code: errorCode(error), problem: errorMessage(error) },
        'Nextcloud could not be asked about the user',
      )
    }
    return { lookup: { kind: 'unavailable' }, cacheable: false }
  }
}
