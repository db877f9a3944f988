/**
 * Where every tunnel must have a token of its own (HARP_FRP_REQUIRE_TOKENS=all), a new container gets one in place of
 * the shared key: the key, which also drives Docker, then never leaves the gateway (W33).
 */
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { RequireTokens } from '../config/config.ts'
import { text } from '../control/control-api.ts'
import { checkTokenRequest } from '../tokens/token-record.ts'
import type { TokenStore } from '../tokens/token-store.ts'
import type { AppNames } from './container-name.ts'
import { Answered } from './engine-problem.ts'

export type Tokens = Pick<TokenStore, 'add' | 'list' | 'revoke'>

export interface DeployedEnvironment {
  readonly environment: readonly string[]
  /** The container was made: the app's older tokens are void. */
  readonly keep: () => Promise<void>
  /** The container was not made: nor is its token. */
  readonly discard: () => Promise<void>
}

const keyPrefix = 'HP_SHARED_KEY='
const idPrefix = 'APP_ID='

export class AppTunnelTokens {
  readonly #tokens: Tokens
  readonly #isOn: boolean
  readonly #log: Logger

  constructor(tokens: Tokens, required: RequireTokens, log: Logger) {
    this.#tokens = tokens
    this.#isOn = required === 'all'
    this.#log = log
  }

  /** The environment as it was, where no token is required or the app has no tunnel. */
  async deploy(names: AppNames, environment: readonly string[]): Promise<DeployedEnvironment> {
    const nothing = async (): Promise<void> => {}
    if (!this.#isOn || !environment.some((entry) => entry.startsWith(keyPrefix))) {
      return { environment, keep: nothing, discard: nothing }
    }
    const id = environment.find((entry) => entry.startsWith(idPrefix))?.slice(idPrefix.length) ?? names.name
    const checked = checkTokenRequest({ kind: 'app', name: id, port: null })
    if (checked.kind === 'wrong') {
      throw new Answered(text(400, `Payload validation error: a token ${checked.problem}`))
    }
    const made = await this.#add(checked.request)
    const { name } = checked.request
    return {
      environment: environment.map((entry) =>
        entry.startsWith(keyPrefix) ? `${keyPrefix}${made.text.reveal()}` : entry,
      ),
      // NOTE: the roles of one app share its id: the token of one is not the end of the others'.
      keep: () => (names.roleSuffix === '' ? this.#revoke(name, made.entry.id) : nothing()),
      discard: () => this.#revokeOne(made.entry.id),
    }
  }

  /** The app's container is gone for good, or until the next one is made. */
  async removed(names: AppNames): Promise<void> {
    if (this.#isOn && names.roleSuffix === '') await this.#revoke(names.name.toLowerCase(), null)
  }

  async #add(request: Parameters<Tokens['add']>[0]): ReturnType<Tokens['add']> {
    try {
      return await this.#tokens.add(request)
    } catch (error) {
      throw new Answered(text(503, `No tunnel token for the app: ${errorMessage(error)}`))
    }
  }

  async #revoke(app: string, except: string | null): Promise<void> {
    const old = this.#listed().filter(
      (each) => each.kind === 'app' && each.name === app && each.id !== except,
    )
    for (const { id } of old) await this.#revokeOne(id)
  }

  #listed(): ReturnType<Tokens['list']> {
    try {
      return this.#tokens.list()
    } catch {
      // While the file of tokens cannot be used none is accepted.
      return []
    }
  }

  async #revokeOne(id: string): Promise<void> {
    try {
      await this.#tokens.revoke(id)
    } catch (error) {
      this.#log.warn(
        { code: errorCode(error), tokenId: id, problem: errorMessage(error) },
        'tunnel token not revoked',
      )
    }
  }
}
