import { BoundedMap } from '../../base/bounded-map.ts'
import { detachedText } from '../../base/detached-text.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { Secret } from '../../base/secret.ts'
import type { AppLookup, KnownApp } from '../access/decision.ts'
import type { ExAppRecord, RecordLookup } from '../access/exapp-record.ts'
import { RoutePolicy } from '../access/route-policy.ts'
import { parseExAppMeta, parseJson } from './exapp-meta.ts'
import type { NextcloudAnswer } from './nextcloud-client.ts'

export interface NextcloudGet {
  get(path: string, headers: Readonly<Record<string, string>>): Promise<NextcloudAnswer>
}

export interface AppDirectoryOptions {
  readonly nextcloud: NextcloudGet
  readonly sharedKey: Secret
  readonly recordTtlMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Finds where an app really is; rejects where that cannot be told. */
  readonly locate?: (record: ExAppRecord) => Promise<ExAppRecord>
  /** A record came, from Nextcloud's answer or pushed by AppAPI. */
  readonly onRecord?: (record: ExAppRecord) => void
}

interface Entry {
  app: KnownApp
  freshUntil: number
}

/** A fetch or push under way; a later push or eviction meanwhile makes its answer too old to store. */
interface Fetch {
  readonly promise: Promise<AppLookup>
  superseded: boolean
}

const maxApps = 10_000
const maxUnknown = 10_000
const unknownTtlMs = 15_000
const retryAfterErrorMs = 5_000
const minRefreshGapMs = 1_000

/**
 * The ExApps that the gateway knows. A known app is answered at once; past its lifetime the old record is
 * served while a new one is fetched. Concurrent misses share one fetch, unknown ids are remembered for 15 s,
 * and what AppAPI pushes or evicts takes effect immediately.
 */
export class AppDirectory {
  readonly #options: AppDirectoryOptions
  readonly #known: BoundedMap<string, Entry>
  readonly #unknown: BoundedMap<string, true>
  readonly #refreshed: BoundedMap<string, true>
  readonly #fetches = new Map<string, Fetch>()

  constructor(options: AppDirectoryOptions) {
    const now = (): number => options.clock.monotonic()
    this.#options = options
    this.#known = new BoundedMap({ maxEntries: maxApps, now })
    this.#refreshed = new BoundedMap({ maxEntries: maxApps, maxAgeMs: minRefreshGapMs, now })
    this.#unknown = new BoundedMap({ maxEntries: maxUnknown, maxAgeMs: unknownTtlMs, now })
  }

  get sizes(): { known: number; unknown: number; fetching: number } {
    return { known: this.#known.size, unknown: this.#unknown.size, fetching: this.#fetches.size }
  }

  /** Of the known apps, fresh or not. They hold the apps' tokens. */
  list(): readonly ExAppRecord[] {
    return [...this.#known.entries()].map(([, { app }]) => app.record)
  }

  /** `appId` is lower case and of the id grammar. Answers at once where it can; the promise never rejects. */
  find(appId: string): AppLookup | Promise<AppLookup> {
    const entry = this.#known.get(appId)
    if (entry === undefined) {
      return this.#unknown.get(appId) === true ? { kind: 'unknown' } : this.#fetch(appId)
    }
    if (this.#options.clock.monotonic() >= entry.freshUntil) {
      entry.freshUntil = this.#options.clock.monotonic() + minRefreshGapMs
      void this.#fetch(appId)
    }
    return { kind: 'known', app: entry.app }
  }

  /** True where `find` would ask Nextcloud a question that is not under way. */
  wouldAsk(appId: string): boolean {
    return (
      this.#known.get(appId) === undefined && this.#unknown.get(appId) !== true && !this.#fetches.has(appId)
    )
  }

  /** Asks Nextcloud now, at most once a second for an app: its address did not answer (W22). */
  async refresh(appId: string): Promise<AppLookup> {
    const entry = this.#known.get(appId)
    if (entry !== undefined && this.#refreshed.get(appId) === true) return { kind: 'known', app: entry.app }
    this.#refreshed.set(detachedText(appId), true)
    return this.#fetch(appId)
  }

  /** What Nextcloud has of an app, which is not stored. Never rejects. */
  async ask(appId: string): Promise<RecordLookup> {
    const { nextcloud, sharedKey, log } = this.#options
    try {
      const answer = await nextcloud.get(
        `/index.php/apps/app_api/harp/exapp-meta?appId=${encodeURIComponent(appId)}`,
        {
          'harp-shared-key': sharedKey.reveal(),
        },
      )
      if (answer.status === 401 || answer.status === 404) return { kind: 'unknown' }
      if (answer.status < 200 || answer.status > 299) {
        log.warn({ appId, status: answer.status }, 'Nextcloud refused the app record')
        return { kind: 'unavailable' }
      }
      const parsed = parseExAppMeta(appId, parseJson(answer.body), log)
      if (parsed.kind === 'record') return { kind: 'known', record: parsed.record }
      log.warn({ appId, problem: parsed.problem }, 'Nextcloud sent an unusable app record')
      return { kind: 'invalid' }
    } catch (error) {
      log.warn(
        { appId, code: errorCode(error), problem: errorMessage(error) },
        'Nextcloud could not be asked for the app record',
      )
      return { kind: 'unavailable' }
    }
  }

  put(record: ExAppRecord): void {
    this.#supersede(record.appId)
    this.#store(record)
  }

  /**
   * Stores what AppAPI pushed once it is located, unless a newer word about the app came meanwhile. Rejects where it
   * cannot be located; what was known before stays.
   */
  async push(record: ExAppRecord): Promise<void> {
    const { locate } = this.#options
    this.#supersede(record.appId)
    if (locate === undefined) {
      this.#store(record)
      return
    }
    const located = locate(record)
    const stored = this.#run(
      record.appId,
      located.then(
        (found): RecordLookup => ({ kind: 'known', record: found }),
        (): RecordLookup => ({ kind: 'unavailable' }),
      ),
    )
    await Promise.all([located, stored])
  }

  /** False where the app was not known. */
  evict(appId: string): boolean {
    this.#supersede(appId)
    return this.#known.delete(appId)
  }

  evictExpired(): void {
    this.#unknown.evictExpired()
  }

  #supersede(appId: string): void {
    const running = this.#fetches.get(appId)
    if (running !== undefined) running.superseded = true
    this.#fetches.delete(appId)
  }

  #store(record: ExAppRecord): KnownApp {
    const policy = new RoutePolicy(record.routes)
    const app: KnownApp = { record, requirementFor: (path) => policy.requirementFor(path) }
    this.#known.set(record.appId, {
      app,
      freshUntil: this.#options.clock.monotonic() + this.#options.recordTtlMs,
    })
    this.#unknown.delete(record.appId)
    this.#options.onRecord?.(record)
    return app
  }

  #fetch(requested: string): Promise<AppLookup> {
    const running = this.#fetches.get(requested)
    if (running !== undefined) return running.promise
    const appId = detachedText(requested)
    return this.#run(
      appId,
      this.ask(appId).then((lookup) => this.#locate(lookup)),
    )
  }

  #run(appId: string, lookup: Promise<RecordLookup>): Promise<AppLookup> {
    const fetch: Fetch = {
      superseded: false,
      promise: lookup.then((found) => this.#settle(appId, fetch, found)),
    }
    this.#fetches.set(appId, fetch)
    return fetch.promise
  }

  #settle(appId: string, fetch: Fetch, lookup: RecordLookup): AppLookup | Promise<AppLookup> {
    if (fetch.superseded) {
      const newer = this.#fetches.get(appId)
      if (newer !== undefined) return newer.promise
      const pushed = this.#known.get(appId)
      if (pushed !== undefined) return { kind: 'known', app: pushed.app }
      return lookup.kind === 'known' ? { kind: 'unknown' } : lookup
    }
    this.#fetches.delete(appId)
    switch (lookup.kind) {
      case 'known':
        return { kind: 'known', app: this.#store(lookup.record) }
      case 'unknown':
        this.#known.delete(appId)
        this.#unknown.set(appId, true)
        return lookup
      case 'invalid':
      case 'unavailable': {
        const stale = this.#known.get(appId)
        if (stale === undefined) return lookup
        stale.freshUntil =
          this.#options.clock.monotonic() + Math.min(retryAfterErrorMs, this.#options.recordTtlMs)
        return { kind: 'known', app: stale.app }
      }
    }
  }

  async #locate(lookup: RecordLookup): Promise<RecordLookup> {
    const { locate, log } = this.#options
    if (lookup.kind !== 'known' || locate === undefined) return lookup
    try {
      return { kind: 'known', record: await locate(lookup.record) }
    } catch (error) {
      const { appId } = lookup.record
      log.warn(
        { appId, code: errorCode(error), problem: errorMessage(error) },
        'the app could not be located',
      )
      return { kind: 'unavailable' }
    }
  }
}
