import { BoundedMap } from '../../base/bounded-map.ts'
import { detachedText } from '../../base/detached-text.ts'
import type { AccessLevel, Route } from './exapp-record.ts'
import { pathForms } from './request-path.ts'
import type { MatchAllowance } from './route-pattern/match-answer.ts'

/** What the routes of an app ask of a path, before it is known who asks. */
export type RouteRequirement =
  | {
      readonly kind: 'route'
      readonly accessLevel: AccessLevel
      readonly bruteForceStatuses: readonly number[]
    }
  | { readonly kind: 'no-route' }
  /** A bounded pattern ran out of steps: refuse. */
  | { readonly kind: 'budget'; readonly pattern: string }

const noRoute = { kind: 'no-route' } as const
const maxRememberedPaths = 512
const maxRememberedPathLength = 256
/** Steps for all routes of an app together, so that many costly patterns are no worse than a few. */
const maxStepsPerPath = 1_000_000

/**
 * The first route that matches a path decides. The raw path must match; its percent-decoded form must not
 * be protected more strictly, and must match too where decoding changes the structure (W15).
 */
export class RoutePolicy {
  readonly #routes: readonly Route[]
  readonly #remembered: BoundedMap<string, RouteRequirement>

  constructor(routes: readonly Route[]) {
    this.#routes = routes
    this.#remembered = new BoundedMap({ maxEntries: maxRememberedPaths, now: () => 0 })
  }

  get rememberedPaths(): number {
    return this.#remembered.size
  }

  requirementFor(targetPath: string): RouteRequirement {
    if (targetPath.length > maxRememberedPathLength) return this.#evaluate(targetPath)
    const known = this.#remembered.get(targetPath)
    if (known !== undefined) return known
    const requirement = this.#evaluate(targetPath)
    this.#remembered.set(detachedText(targetPath), requirement)
    return requirement
  }

  #evaluate(targetPath: string): RouteRequirement {
    const forms = pathForms(targetPath)
    const allowance: MatchAllowance = { stepsLeft: maxStepsPerPath }
    const raw = this.#firstMatch(forms.raw, allowance)
    if (raw.kind !== 'route' || forms.decoded === null) return raw
    const decoded = this.#firstMatch(forms.decoded, allowance)
    if (decoded.kind === 'no-route') return forms.decodedMustMatch ? noRoute : raw
    if (decoded.kind === 'budget') return decoded
    return {
      kind: 'route',
      accessLevel: raw.accessLevel > decoded.accessLevel ? raw.accessLevel : decoded.accessLevel,
      bruteForceStatuses: [...new Set([...raw.bruteForceStatuses, ...decoded.bruteForceStatuses])],
    }
  }

  #firstMatch(path: string, allowance: MatchAllowance): RouteRequirement {
    for (const route of this.#routes) {
      const result = route.pattern.matchesStart(path, allowance)
      if (result === 'budget') return { kind: 'budget', pattern: route.pattern.source }
      if (result === 'match') {
        return { kind: 'route', accessLevel: route.accessLevel, bruteForceStatuses: route.bruteForceStatuses }
      }
    }
    return noRoute
  }
}
