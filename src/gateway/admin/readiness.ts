/**
 * Whether the gateway should get traffic, as named checks. `fail` makes it not ready; `warn` is for what an
 * operator must look at while plain HTTP still works, so that an expired certificate takes nobody off the air.
 */
import type { Heartbeat } from './heartbeat.ts'
import type { NextcloudState } from './nextcloud-health.ts'

export interface ReadinessFacts {
  /** Asked through the gateway's own HTTP listener. */
  readonly heartbeat: Heartbeat
  readonly isDraining: boolean
  readonly certificate: CertificateState
  readonly nextcloud: NextcloudState
  /** The longest stall of the event loop in the last seconds. */
  readonly lagMs: number
  /** Milliseconds since 1970. */
  readonly now: number
}

export type CertificateState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unusable' }
  | { readonly kind: 'loaded'; readonly validTo: Date; readonly isListening: boolean }

export interface ReadinessCheck {
  readonly name: 'listener' | 'draining' | 'certificate' | 'nextcloud' | 'event-loop'
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly ReadinessCheck[]
}

const maxLagMs = 1_000
const dayMs = 86_400_000
const warnDays = 14

export function judgeReadiness(facts: ReadinessFacts): Readiness {
  const { heartbeat, isDraining, nextcloud, lagMs } = facts
  const checks: ReadinessCheck[] = [
    heartbeat.kind === 'alive'
      ? check('listener', 'ok', 'answers')
      : check('listener', 'fail', `the gateway ${heartbeat.problem}`),
    check('draining', isDraining ? 'fail' : 'ok', isDraining ? 'shutting down' : 'no'),
    judgeCertificate(facts.certificate, facts.now),
    nextcloud.kind === 'reachable'
      ? check('nextcloud', 'ok', `Nextcloud ${nextcloud.version}`)
      : check('nextcloud', 'fail', nextcloud.problem),
    check('event-loop', lagMs > maxLagMs ? 'fail' : 'ok', `longest stall ${lagMs} ms`),
  ]
  return { ready: checks.every((each) => each.status !== 'fail'), checks }
}

function judgeCertificate(certificate: CertificateState, now: number): ReadinessCheck {
  switch (certificate.kind) {
    case 'absent':
      return check('certificate', 'ok', 'none, HTTPS is off')
    case 'unusable':
      return check('certificate', 'warn', 'cert.pem cannot be used, HTTPS is off')
    case 'loaded': {
      const until = certificate.validTo.toISOString()
      const leftMs = certificate.validTo.getTime() - now
      if (leftMs < 0) return check('certificate', 'warn', `expired ${until}`)
      if (!certificate.isListening) return check('certificate', 'warn', 'HTTPS could not open its port')
      if (leftMs < warnDays * dayMs) return check('certificate', 'warn', `expires ${until}`)
      return check('certificate', 'ok', `valid until ${until}`)
    }
  }
}

function check(
  name: ReadinessCheck['name'],
  status: ReadinessCheck['status'],
  detail: string,
): ReadinessCheck {
  return { name, status, detail }
}
