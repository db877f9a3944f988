import type { RoutePattern } from './route-pattern/route-pattern.ts'

/** Access levels of AppAPI: PUBLIC, USER, ADMIN. */
export const AccessLevel = { public: 0, user: 1, admin: 2 } as const
export type AccessLevel = (typeof AccessLevel)[keyof typeof AccessLevel]

export interface Route {
  readonly pattern: RoutePattern
  readonly accessLevel: AccessLevel
  /** Upstream statuses that count as a failed login attempt. */
  readonly bruteForceStatuses: readonly number[]
}

/** What Nextcloud (or a push by AppAPI) says of one ExApp, validated, with its routes compiled. */
export interface ExAppRecord {
  /** Lower case, as Nextcloud is asked. */
  readonly appId: string
  readonly token: string
  /** Safe as a header value: Latin-1 view of the UTF-8 text, no control characters. */
  readonly version: string
  readonly host: string
  readonly port: number
  readonly routes: readonly Route[]
  /** Who says where it is; absent: Nextcloud. */
  readonly foundIn?: 'kubernetes'
}

export type RecordLookup =
  | { readonly kind: 'known'; readonly record: ExAppRecord }
  | { readonly kind: 'unknown' }
  /** Nextcloud answered, but not with a usable record. */
  | { readonly kind: 'invalid' }
  /** Nextcloud could not be asked. */
  | { readonly kind: 'unavailable' }

export type UserLookup =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly userId: string; readonly accessLevel: AccessLevel }
  | { readonly kind: 'unavailable' }

export type HostLookup =
  | { readonly kind: 'resolved'; readonly address: string }
  | { readonly kind: 'unresolved' }
