/** From the gateway to Nextcloud: reachable, the right one, in time, and does it take our key. */
import type { Clock } from '../../base/clock.ts'
import type { GatewayConfig } from '../config/config.ts'
import { parseNextcloudStatus, statusPath } from '../admin/nextcloud-status.ts'
import { excerpt, fail, ok, skip, warn, type Check } from './check.ts'
import { tlsFix, type ConnectionProblem } from './connection-problem.ts'
import { probe, type ProbeResponse } from './http-probe.ts'

const name = 'reachable'
const maxSkewMs = 30_000
const redirectStatuses = [301, 302, 303, 307, 308]

export interface NextcloudReachability {
  readonly checks: readonly Check[]
  /** Something that may be Nextcloud answered, so the key can be tried. */
  readonly isUp: boolean
}

export async function checkNextcloud(
  config: GatewayConfig,
  clock: Clock,
  timeoutMs: number,
): Promise<NextcloudReachability> {
  const base = config.nextcloudUrl
  const first = new URL(base.href.replace(/\/$/, '') + statusPath)
  const result = await probe({ url: first, timeoutMs, clock })
  if (result.kind === 'failed') return { checks: [unreachable(result.problem, base)], isUp: false }
  if (result.kind === 'upgraded') {
    result.socket.destroy()
    return { checks: [notNextcloud(base, 'an upgrade')], isUp: false }
  }
  const location = result.headers.location
  if (redirectStatuses.includes(result.status) && location !== undefined) {
    return redirected(first, location, clock, timeoutMs)
  }
  const answer = judgeStatus(result, base)
  return { checks: [answer, judgeClock(result)], isUp: answer.status === 'ok' }
}

function unreachable(problem: ConnectionProblem, base: URL): Check {
  const what = `NC_INSTANCE_URL=${base.href}: ${base.host} ${problem.text}`
  return fail(name, what, tlsFix(problem) ?? fixOf(problem.kind))
}

const fixes: Readonly<Partial<Record<ConnectionProblem['kind'], string>>> = {
  'unknown-name':
    'correct the host name, or put the gateway into the container network in which Nextcloud has this name',
  refused:
    "start Nextcloud's web server, or correct host and port; in a container, localhost is the container itself",
  'not-http': 'the port does not speak HTTP: for TLS write https:// in NC_INSTANCE_URL',
}

function fixOf(kind: ConnectionProblem['kind']): string {
  return fixes[kind] ?? 'look for a firewall or an overloaded server between the gateway and Nextcloud'
}

/** The gateway follows to the same host, and from http to https there; everywhere else the key must not go (W42). */
async function redirected(
  from: URL,
  location: string,
  clock: Clock,
  timeoutMs: number,
): Promise<NextcloudReachability> {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null
  const isStatus = to?.pathname.endsWith(statusPath) === true
  if (to === null || !isStatus) {
    const check = fail(
      name,
      `${from.origin} redirects ${from.pathname} to ${excerpt(location)}`,
      'set NC_INSTANCE_URL to the address of Nextcloud that answers without a redirect',
    )
    return { checks: [check], isUp: false }
  }
  const better = to.href.slice(0, -statusPath.length)
  const isFollowed =
    (to.host === from.host && to.protocol === from.protocol) ||
    (to.hostname === from.hostname && from.protocol === 'http:' && to.protocol === 'https:')
  if (!isFollowed) {
    const check = fail(
      name,
      `Nextcloud redirects to ${to.origin}; the shared key is not sent there`,
      `set NC_INSTANCE_URL=${better}`,
    )
    return { checks: [check], isUp: false }
  }
  const result = await probe({ url: to, timeoutMs, clock })
  if (result.kind === 'failed') return { checks: [unreachable(result.problem, to)], isUp: false }
  const target = result.kind === 'response' ? judgeStatus(result, to) : notNextcloud(to, 'an upgrade')
  if (target.status !== 'ok') return { checks: [target], isUp: false }
  const check = warn(
    name,
    `${target.detail}, after a redirect that every question of the gateway has to take`,
    `set NC_INSTANCE_URL=${better}`,
  )
  return { checks: [check, ...(result.kind === 'response' ? [judgeClock(result)] : [])], isUp: true }
}

function judgeStatus(response: ProbeResponse, base: URL): Check {
  const status = response.status === 200 ? parseNextcloudStatus(response.body) : null
  if (status === null) return notNextcloud(base, `${response.status} ${excerpt(response.body)}`)
  if (!status.installed) {
    return fail(name, 'Nextcloud is not installed yet', "finish Nextcloud's installation")
  }
  if (status.maintenance) {
    return fail(
      name,
      'Nextcloud is in maintenance mode',
      'occ maintenance:mode --off, once the update is done',
    )
  }
  if (status.needsUpgrade) return fail(name, 'Nextcloud waits for its database upgrade', 'occ upgrade')
  return ok(name, `Nextcloud ${status.version} at ${base.origin}`)
}

function notNextcloud(base: URL, answer: string): Check {
  return fail(
    name,
    `what answers at ${base.origin} is not a Nextcloud: ${answer}`,
    'set NC_INSTANCE_URL to the address of Nextcloud, with its path if it has one (https://example.com/nextcloud)',
  )
}

function judgeClock(response: ProbeResponse): Check {
  const theirs = Date.parse(response.headers.date ?? '')
  if (Number.isNaN(theirs)) return skip('clock', 'Nextcloud does not say what time it is')
  const skewMs = theirs - response.receivedAt
  if (Math.abs(skewMs) <= maxSkewMs) return ok('clock', 'agrees with Nextcloud’s')
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  return warn(
    'clock',
    `Nextcloud's clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    'set both by NTP (timedatectl set-ntp true): certificates and logins depend on it',
  )
}
