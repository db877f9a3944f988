import type { Clock } from '../../base/clock.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import { gatewayError } from '../errors.ts'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import { parseVersion, versionFromHeaders, type EngineVersion } from './api-version.ts'
import { fieldOf, type ExchangeReply } from './engine-exchange.ts'

export interface VersionQuestionOptions {
  /** One call without a version in its path, which every engine accepts; has its own deadline. */
  readonly ask: (method: 'GET' | 'HEAD', path: string) => Promise<ExchangeReply>
  readonly clock: Clock
}

/** Shorter than an upgrade of an engine takes. */
const freshMs = 10_000

/** Which versions of the API an engine speaks: asked when needed, once for all who wait, and remembered for a moment. */
export class VersionQuestion {
  readonly #options: VersionQuestionOptions
  readonly #flight = new SingleFlight<number, EngineVersion | null>()
  #known: { readonly version: EngineVersion | null; readonly until: number } | null = null
  /** An answer to a question from before a `forget` counts no more. */
  #generation = 0
  #last: EngineVersion | null = null

  constructor(options: VersionQuestionOptions) {
    this.#options = options
  }

  /** The last that was known, for people. */
  get last(): EngineVersion | null {
    return this.#last
  }

  /** Rejects as the question does, or with ENGINE_BAD_ANSWER where the engine does not say. */
  async get(): Promise<EngineVersion> {
    const { clock } = this.#options
    const known = this.#known
    const version =
      known !== null && clock.monotonic() < known.until
        ? known.version
        : await this.#flight.run(this.#generation, () => this.#find())
    if (version !== null) return version
    throw gatewayError('ENGINE_BAD_ANSWER', 'the engine does not say which versions of the API it speaks')
  }

  forget(): void {
    this.#generation++
    this.#known = null
  }

  async #find(): Promise<EngineVersion | null> {
    const generation = this.#generation
    const version = await this.#askBoth()
    if (generation === this.#generation) {
      this.#known = { version, until: this.#options.clock.monotonic() + freshMs }
      this.#last = version ?? this.#last
    }
    return version
  }

  /** A filter before the engine may hide one or the other. */
  async #askBoth(): Promise<EngineVersion | null> {
    const { ask } = this.#options
    const reply = await ask('GET', '/version')
    const said = reply.status === 200 ? parseVersion(parseJson(reply.body.toString('utf8'))) : null
    if (said !== null) return said
    const ping = await ask('HEAD', '/_ping')
    return versionFromHeaders(fieldOf(ping, 'api-version'), fieldOf(ping, 'server'))
  }
}
