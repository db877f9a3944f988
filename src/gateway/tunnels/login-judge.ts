import type { Secret } from '../../base/secret.ts'
import { isInNetworks, type Network } from '../../net/address.ts'
import type { BruteForce } from '../access/brute-force.ts'
import type { RequireTokens } from '../config/config.ts'
import { verifyPrivilegeKey } from '../frp/auth.ts'
import type { Login } from '../frp/messages.ts'
import { isTokenText } from '../tokens/token-record.ts'
import type { TokenGrant, TokenStore } from '../tokens/token-store.ts'

/** The frp token of every HaRP: the real secret is `metadatas.token`. */
export const frpAuthToken = ''

export interface LoginJudgeOptions {
  readonly sharedKey: Secret
  readonly tokens: Pick<TokenStore, 'verify' | 'recordUse'>
  readonly requireTokens: RequireTokens
  readonly bruteForce: BruteForce
  readonly trustedProxies: readonly Network[]
}

/** Who logged in: with the shared key (`grant` is null), or with a token of its own. */
export interface Identity {
  readonly grant: TokenGrant | null
}

export type Verdict =
  | { readonly kind: 'admitted'; readonly identity: Identity }
  /** `reason` goes to the client, which logs it. */
  | { readonly kind: 'refused'; readonly reason: string; readonly cause: LoginRefusal }

export const loginRefusals = ['banned', 'no-token', 'wrong-token', 'token-required', 'frp-token'] as const
export type LoginRefusal = (typeof loginRefusals)[number]

/** Decides on a Login, and charges a wrong token to the address as HTTP does (one list of bans for both). */
export class LoginJudge {
  readonly #options: LoginJudgeOptions

  constructor(options: LoginJudgeOptions) {
    this.#options = options
  }

  judge(login: Login, peer: string): Verdict {
    const { bruteForce, requireTokens, tokens, trustedProxies } = this.#options
    // Behind a trusted proxy every client has the proxy's address: banning it would ban them all.
    const isCharged = !isInNetworks(peer, trustedProxies)
    if (isCharged && bruteForce.isBanned(peer)) {
      return refuse(
        'banned',
        'banned: too many failures from this address; wait, or `harp bans lift` on the gateway',
      )
    }
    const token = Object.hasOwn(login.metas, 'token') ? (login.metas['token'] ?? '') : ''
    const identity = this.#identify(token)
    if (identity === null) return this.#unknown(token, isCharged ? peer : null)
    if (identity.grant === null && requireTokens === 'all') {
      return refuse(
        'token-required',
        'this gateway takes no shared key here: `harp token add` on the gateway makes tokens',
      )
    }
    if (!verifyPrivilegeKey(frpAuthToken, login.timestamp, login.privilegeKey)) {
      return refuse('frp-token', "token in login doesn't match token from configuration")
    }
    if (identity.grant !== null) tokens.recordUse(identity.grant.id, peer)
    return { kind: 'admitted', identity }
  }

  /** `charged`: the address to which a failure counts. */
  #unknown(token: string, charged: string | null): Verdict {
    const { bruteForce } = this.#options
    // NOTE: 192 random bits cannot be guessed, so this is a revoked one. Its client goes on trying, and a ban would hit
    // the other tunnels of its machine.
    if (isTokenText(token)) {
      return refuse('wrong-token', 'metadatas.token was revoked, or is of another gateway')
    }
    if (charged !== null) bruteForce.recordFailure(charged)
    return token === ''
      ? refuse('no-token', 'metadatas.token is missing: set it to the shared key, or a token of the gateway')
      : refuse('wrong-token', 'metadatas.token is neither the shared key nor a token of the gateway')
  }

  #identify(token: string): Identity | null {
    if (token === '') return null
    if (this.#options.sharedKey.equals(token)) return { grant: null }
    const grant = this.#options.tokens.verify(token)
    return grant === null ? null : { grant }
  }
}

function refuse(cause: LoginRefusal, reason: string): Verdict {
  return { kind: 'refused', cause, reason }
}
