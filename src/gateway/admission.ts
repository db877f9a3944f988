import { BoundedMap } from '../base/bounded-map.ts'
import type { Secret } from '../base/secret.ts'
import type { RequestHead } from '../codec/http1/request-head.ts'
import type { Network } from '../net/address.ts'
import type { BruteForce } from './access/brute-force.ts'
import { clientAddress, describePeer, type ClientAddress, type Peer } from './access/client-address.ts'
import { decide, type AccessRequest, type Decision, type Facts, type Need } from './access/decision.ts'
import { reasonCounts } from './access/reasons.ts'
import { escapeNonAscii, splitTarget } from './access/request-path.ts'
import type { UserLookup } from './access/exapp-record.ts'
import { LookupLimit } from './lookup-limit.ts'
import type { AppDirectory } from './nextcloud/app-directory.ts'
import type { SessionDirectory } from './nextcloud/session-directory.ts'
import { hasSessionCookie, userContext, type RequestFields } from './proxy/request-fields.ts'
import type { Resolver } from './upstream/resolver.ts'

export interface AdmissionOptions {
  readonly sharedKey: Secret
  readonly trustedProxies: readonly Network[]
  readonly counting: 'all' | 'credentials'
  readonly bruteForce: BruteForce
  readonly apps: AppDirectory
  readonly sessions: SessionDirectory
  readonly resolver: Resolver
}

/** Who asks, for what, and what was decided. */
export interface Admitted {
  readonly client: ClientAddress
  /** Escaped path without query. */
  readonly path: string
  /** With its question mark, or empty. */
  readonly query: string
  readonly decision: Decision
}

const maxPeers = 4_096
const maxLookupsPerClient = 8
const tooManyLookups = { kind: 'unavailable' } as const
/** How long a request for a public route waits to learn who asks; then it goes on as a visitor's (W21). */
const publicPatienceMs = 2_500

/**
 * Runs the pure decision and fetches the facts it asks for. Answers at once when every fact is cached,
 * which is the common case; records the failure that a decision charges.
 */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #lookups = new LookupLimit(maxLookupsPerClient)
  readonly #peers = new BoundedMap<string, Peer>({ maxEntries: maxPeers, now: () => 0 })

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  admit(head: RequestHead, fields: RequestFields, peer: string): Admitted | Promise<Admitted> {
    const { bruteForce, sharedKey, trustedProxies } = this.#options
    const describedPeer = this.#describe(peer)
    const client = clientAddress(describedPeer, fields, trustedProxies)
    const target = splitTarget(escapeNonAscii(head.target))
    const request: AccessRequest = {
      method: head.method,
      path: target.path,
      key: fields.sharedKey === undefined ? 'absent' : sharedKey.equals(fields.sharedKey) ? 'valid' : 'wrong',
      appApi: fields.appApi,
      enginePort: fields.enginePort,
      hasCredentials: fields.authorization !== undefined || hasSessionCookie(fields.cookie),
      isBanned: !client.isTrustedProxy && bruteForce.isBanned(client.address),
    }
    const pending = new Pending(this.#options, this.#lookups, client.address, {
      head,
      fields,
      request,
      isFromProxy: describedPeer.isTrusted,
    })
    const decision = pending.run()
    if (decision instanceof Promise) return decision.then((late) => this.#conclude(client, target, late))
    return this.#conclude(client, target, decision)
  }

  /** Records a failure of an address unless it is a trusted proxy's own. */
  recordFailure(client: ClientAddress): void {
    if (!client.isTrustedProxy) this.#options.bruteForce.recordFailure(client.address)
  }

  #describe(peer: string): Peer {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    const described = describePeer(peer, this.#options.trustedProxies)
    this.#peers.set(peer, described)
    return described
  }

  #conclude(client: ClientAddress, target: { path: string; query: string }, decision: Decision): Admitted {
    if (
      decision.kind === 'refuse' &&
      decision.failure &&
      reasonCounts(decision.reason, this.#options.counting)
    ) {
      this.recordFailure(client)
    }
    return { client, path: target.path, query: target.query, decision }
  }
}

interface Asked {
  readonly head: RequestHead
  readonly fields: RequestFields
  readonly request: AccessRequest
  /** The peer is a trusted proxy, whose forwarding headers count. */
  readonly isFromProxy: boolean
}

/** One request's decision under way. */
class Pending {
  readonly #options: AdmissionOptions
  readonly #lookups: LookupLimit
  readonly #client: string
  readonly #head: RequestHead
  readonly #fields: RequestFields
  readonly #request: AccessRequest
  readonly #isFromProxy: boolean
  #facts: Facts = {}

  constructor(options: AdmissionOptions, lookups: LookupLimit, client: string, asked: Asked) {
    this.#options = options
    this.#lookups = lookups
    this.#client = client
    this.#head = asked.head
    this.#fields = asked.fields
    this.#request = asked.request
    this.#isFromProxy = asked.isFromProxy
  }

  run(): Decision | Promise<Decision> {
    for (;;) {
      const step = decide(this.#request, this.#facts)
      if (step.kind !== 'need') return step
      const fact = this.#find(step)
      if (fact instanceof Promise) return this.#runLater(fact)
      this.#facts = { ...this.#facts, ...fact }
    }
  }

  async #runLater(fact: Promise<Facts>): Promise<Decision> {
    this.#facts = { ...this.#facts, ...(await fact) }
    return this.run()
  }

  #find(need: Need): Facts | Promise<Facts> {
    const { apps, resolver, sessions } = this.#options
    switch (need.fact) {
      case 'app': {
        const isLimited = this.#request.key !== 'valid' && apps.wouldAsk(need.appId)
        const app = isLimited
          ? (this.#lookups.run(this.#client, async () => apps.find(need.appId)) ?? tooManyLookups)
          : apps.find(need.appId)
        return app instanceof Promise ? app.then((late) => ({ app: late })) : { app }
      }
      case 'user': {
        const user = sessions.find(need.appId, {
          cookie: this.#fields.cookie,
          authorization: this.#fields.authorization ?? '',
          context: () => userContext(this.#head.fields, this.#isFromProxy ? null : this.#client),
        })
        if (!(user instanceof Promise)) return { user }
        const answer = need.isOptional ? withinPatience(user) : user
        return answer.then((late) => ({ user: late }))
      }
      case 'host': {
        const host = resolver.resolve(need.host)
        return host instanceof Promise ? host.then((late) => ({ host: late })) : { host }
      }
    }
  }
}

async function withinPatience(user: Promise<UserLookup>): Promise<UserLookup> {
  const { promise: late, resolve } = Promise.withResolvers<UserLookup>()
  const timer = setTimeout(() => resolve({ kind: 'unavailable' }), publicPatienceMs)
  try {
    return await Promise.race([user, late])
  } finally {
    clearTimeout(timer)
  }
}
