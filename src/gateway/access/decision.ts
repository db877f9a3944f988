import { isThisMachine } from '../../net/address.ts'
import { isAllowedEngineCall, isEnginePort, parseEnginePort } from './engine-allow-list.ts'
import type { ExAppRecord, HostLookup, RecordLookup, UserLookup } from './exapp-record.ts'
import type { ReasonCode } from './reasons.ts'
import { hasParentSegment, isAppId, isInternalEndpoint, splitAppPath } from './request-path.ts'
import type { RouteRequirement } from './route-policy.ts'

/**
 * Admission of one request as a pure function: the same facts give the same decision. Facts that cost a
 * call (the app's record, the user, the app's address) are asked for one at a time by a `need` answer, so
 * that nothing is fetched for a request that is refused anyway.
 */

/** What is known from the request alone. */
export interface AccessRequest {
  readonly method: string
  /** Raw path without query, non-ASCII escaped, never decoded. */
  readonly path: string
  readonly key: 'absent' | 'valid' | 'wrong'
  /** Present when all six AppAPI headers are. */
  readonly appApi: AppApiHeaders | null
  /** Header docker-engine-port, empty if absent. */
  readonly enginePort: string
  /** A Nextcloud session cookie or an Authorization header is there. */
  readonly hasCredentials: boolean
  readonly isBanned: boolean
}

export interface AppApiHeaders {
  readonly authorization: string
  readonly version: string
  readonly host: string
  readonly port: string
}

/** An app's record as the decision needs it. */
export interface KnownApp {
  readonly record: ExAppRecord
  requirementFor(targetPath: string): RouteRequirement
}

export type AppLookup =
  | Exclude<RecordLookup, { kind: 'known' }>
  | { readonly kind: 'known'; readonly app: KnownApp }

/** Facts fetched so far; absent ones were not asked for. */
export interface Facts {
  readonly app?: AppLookup
  readonly user?: UserLookup
  readonly host?: HostLookup
}

export type Need =
  | { readonly kind: 'need'; readonly fact: 'app'; readonly appId: string }
  /** `isOptional`: the route is public, so the request must not wait long for the answer. */
  | { readonly kind: 'need'; readonly fact: 'user'; readonly appId: string; readonly isOptional: boolean }
  | { readonly kind: 'need'; readonly fact: 'host'; readonly host: string }

export interface Refusal {
  readonly kind: 'refuse'
  readonly reason: ReasonCode
  /** Charge the client address (before HARP_BAN_COUNTING is applied). */
  readonly failure: boolean
}

export interface Forward {
  readonly kind: 'forward'
  readonly reason: 'forward-signed' | 'forward-public' | 'forward-user'
  /** As spelled in the URL. */
  readonly appId: string
  readonly version: string
  /** Value of AUTHORIZATION-APP-API, Latin-1. */
  readonly authorization: string
  readonly targetPath: string
  readonly host: string
  readonly address: string
  readonly port: number
  /** Upstream statuses to record as failures; empty: none. */
  readonly bruteForceStatuses: readonly number[]
}

export type Decision =
  | Refusal
  | Forward
  | { readonly kind: 'control'; readonly reason: 'control'; readonly path: string }
  | EngineCall

/** An allowed call to the Docker engine behind a port. */
export interface EngineCall {
  readonly kind: 'engine'
  readonly reason: 'engine'
  readonly path: string
  readonly port: number
}

const noStatuses: readonly number[] = []

export function decide(request: AccessRequest, facts: Facts): Decision | Need {
  const hasKey = request.key === 'valid'
  if (request.isBanned && !hasKey) return refuse('banned', false)
  if (hasParentSegment(request.path)) return refuse('parent-segment', !hasKey)
  const split = splitAppPath(request.path)
  if (split === null) return refuse('no-app-id', !hasKey)
  if (split.appId === 'app_api') return decideControl(request, split.targetPath)
  const appId = split.appId.toLowerCase()
  if (!isAppId(appId)) return refuse('app-id-grammar', !hasKey)
  if (request.appApi !== null && !hasKey) return refuse('app-api-key', true)
  if (facts.app === undefined) return { kind: 'need', fact: 'app', appId }
  return decideApp(request, facts, split.appId, split.targetPath)
}

function decideControl(request: AccessRequest, path: string): Decision {
  if (request.key !== 'valid') return refuse('control-key', true)
  if (request.enginePort === '' || path.startsWith('/docker/')) {
    return { kind: 'control', reason: 'control', path }
  }
  const port = parseEnginePort(request.enginePort)
  if (port.kind === 'invalid') return refuse('engine-port-invalid', false)
  if (port.kind === 'forbidden') return refuse('engine-port-forbidden', false)
  if (!isAllowedEngineCall(request.method, path)) return refuse('engine-forbidden', false)
  return { kind: 'engine', reason: 'engine', path, port: port.port }
}

/** Where the app runs, and what the request may do there. */
interface Destination {
  readonly version: string
  readonly token: string
  readonly host: string
  readonly port: number
  readonly app: KnownApp | null
}

function decideApp(request: AccessRequest, facts: Facts, appId: string, targetPath: string): Decision | Need {
  const destination = findDestination(request, facts.app)
  if (destination.kind === 'refuse') return destination.refusal
  const found = destination.found
  const signed = request.appApi === null ? '' : request.appApi.authorization
  if (signed !== '') {
    return forward(facts, { ...found, appId, targetPath, authorization: signed }, 'forward-signed')
  }
  if (isInternalEndpoint(targetPath)) return refuse('internal-endpoint', true)

  // An app that is only known from AppAPI's headers has no routes.
  const requirement: RouteRequirement = found.app?.requirementFor(targetPath) ?? { kind: 'no-route' }
  if (requirement.kind === 'no-route') return refuse('no-route', true)
  if (requirement.kind === 'budget') return refuse('route-budget', false)
  if (request.hasCredentials && facts.user === undefined) {
    return {
      kind: 'need',
      fact: 'user',
      appId: appId.toLowerCase(),
      isOptional: requirement.accessLevel === 0,
    }
  }
  const user = facts.user ?? { kind: 'anonymous' }
  if (requirement.accessLevel > 0) {
    if (user.kind === 'unavailable') return refuse('user-unavailable', false)
    if (user.kind === 'anonymous' || user.accessLevel < requirement.accessLevel) {
      return refuse('route-denied', true)
    }
  }
  const userId = user.kind === 'user' ? user.userId : ''
  const authorization = Buffer.from(`${userId}:${found.token}`, 'utf8').toString('base64')
  return forward(
    facts,
    { ...found, appId, targetPath, authorization, bruteForceStatuses: requirement.bruteForceStatuses },
    requirement.accessLevel === 0 ? 'forward-public' : 'forward-user',
  )
}

type Found =
  | { readonly kind: 'found'; readonly found: Destination }
  | { readonly kind: 'refuse'; readonly refusal: Refusal }

/** A record wins; for AppAPI's own requests its headers stand in where there is none (rows 59-62). */
function findDestination(request: AccessRequest, lookup: AppLookup | undefined): Found {
  if (lookup?.kind === 'known') {
    const { record } = lookup.app
    const { version, token, host, port } = record
    return { kind: 'found', found: { version, token, host, port, app: lookup.app } }
  }
  if (request.appApi !== null) {
    const { version, host, port } = request.appApi
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      return { kind: 'refuse', refusal: refuse('app-api-port', false) }
    }
    return { kind: 'found', found: { version, token: '', host, port: Number(port), app: null } }
  }
  switch (lookup?.kind) {
    case 'invalid':
      return { kind: 'refuse', refusal: refuse('record-invalid', false) }
    case 'unavailable':
      return { kind: 'refuse', refusal: refuse('nextcloud-unavailable', false) }
    case 'unknown':
    case undefined:
      return { kind: 'refuse', refusal: refuse('app-unknown', request.key !== 'valid') }
  }
}

interface Target extends Destination {
  readonly appId: string
  readonly targetPath: string
  readonly authorization: string
  readonly bruteForceStatuses?: readonly number[]
}

function forward(facts: Facts, target: Target, reason: Forward['reason']): Decision | Need {
  if (facts.host === undefined) return { kind: 'need', fact: 'host', host: target.host }
  if (facts.host.kind === 'unresolved') return refuse('host-unresolved', false)
  // An engine answers the five allowed calls only, whoever asks and however (W4).
  if (isEnginePort(target.port) && isThisMachine(facts.host.address)) return refuse('app-at-engine', false)
  return {
    kind: 'forward',
    reason,
    appId: target.appId,
    version: target.version,
    authorization: target.authorization,
    // An empty target path would make an invalid request line (W16).
    targetPath: target.targetPath === '' ? '/' : target.targetPath,
    host: target.host,
    address: facts.host.address,
    port: target.port,
    bruteForceStatuses: target.bruteForceStatuses ?? noStatuses,
  }
}

function refuse(reason: ReasonCode, failure: boolean): Refusal {
  return { kind: 'refuse', reason, failure }
}
