import { fail, ok, warn, excerpt, type Check } from './check.ts'
import { tlsFix, type ConnectionProblem } from './connection-problem.ts'
import type { ProbeResponse, ProbeResult } from './http-probe.ts'
import { proxyFixes } from './proxy-fixes.ts'

const name = 'way to the gateway'

/** What became of a heartbeat that was sent to the public URL. `gateway` is where it should have ended. */
export function judgeArrival(result: ProbeResult, base: URL, gateway: string): Check {
  if (result.kind === 'failed') {
    const { problem } = result
    const fix = tlsFix(problem) ?? fixOfNoAnswer(problem.kind)
    return fail(name, `${base.host} ${problem.text}`, fix)
  }
  if (result.kind === 'upgraded') {
    return fail(name, 'the answer is an upgrade that nobody asked for', proxyFixes.notForwarded)
  }
  return judgeResponse(result, base, gateway)
}

function judgeResponse(response: ProbeResponse, base: URL, gateway: string): Check {
  const { status, body } = response
  if (status === 200 && isHeartbeat(body)) {
    const isOpen = base.protocol === 'http:' && !/^(?:localhost|127\.|\[::1\])/.test(base.hostname)
    return isOpen
      ? warn(
          name,
          `${base.origin} leads to a gateway, without TLS: the shared key crosses the network in the clear`,
          'use the https:// URL',
        )
      : ok(name, `${base.origin}/exapps/ leads to a gateway`)
  }
  if (status >= 300 && status < 400) return judgeRedirect(response, base)
  switch (status) {
    case 400:
      if (!body.includes('Your browser sent an invalid request')) break
      return fail(
        name,
        'the gateway refuses what the reverse proxy sends as malformed HTTP',
        'let the proxy pass requests on unchanged, over HTTP/1.1; `HP_LOG_LEVEL=debug` shows what is wrong with them',
      )
    case 401:
      if (body !== '401 Unauthorized') break
      return fail(
        name,
        'the gateway gets the request without the right shared key',
        `${proxyFixes.keyHeader}; or the URL leads to a gateway with another key`,
      )
    case 404:
      if (body === '404 Not Found') {
        return fail(name, 'the gateway gets the request without /exapps/ in its path', proxyFixes.prefix)
      }
      if (body === '404: Not Found') {
        return fail(name, 'the gateway gets the request with another path', proxyFixes.prefix)
      }
      return fail(
        name,
        `${whoAnswers(response)} answers 404: it does not get to the gateway`,
        proxyFixes.notForwarded,
      )
    case 502:
    case 503:
    case 504:
      return fail(
        name,
        `the reverse proxy answers ${status}: it does not reach the gateway, or the gateway drops the request`,
        `check the address that the proxy has for /exapps/ (the gateway listens on ${gateway}), and that both share a network`,
      )
    default:
  }
  return fail(
    name,
    `${whoAnswers(response)} answers ${status} ${excerpt(body)}: it does not get to the gateway`,
    proxyFixes.notForwarded,
  )
}

function judgeRedirect(response: ProbeResponse, base: URL): Check {
  const location = response.headers.location ?? ''
  const target = URL.canParse(location, base.href) ? new URL(location, base.href) : null
  if (target?.pathname.endsWith('/exapps/app_api/heartbeat') === true) {
    const better = target.href.slice(0, -'/exapps/app_api/heartbeat'.length)
    return fail(
      name,
      `${base.origin} redirects to ${target.origin}, and the key is not sent after a redirect`,
      `give the URL that answers: --url ${better}; AppAPI's deploy daemon needs the same`,
    )
  }
  return fail(
    name,
    `${whoAnswers(response)} redirects to ${excerpt(location)}: /exapps/ does not get to the gateway`,
    proxyFixes.notForwarded,
  )
}

function isHeartbeat(body: string): boolean {
  return /^\s*\{\s*"status"\s*:\s*"ok"\s*\}\s*$/.test(body)
}

/** Nextcloud shows itself by its cookies and pages, a proxy by its Server header. */
function whoAnswers({ headers, body }: ProbeResponse): string {
  const cookies = headers['set-cookie']?.join(' ') ?? ''
  if (/nc_sameSiteCookie|oc_sessionPassphrase/.test(cookies) || /nextcloud/i.test(body)) return 'Nextcloud'
  const server = headers['server']
  return typeof server !== 'string' ? 'the reverse proxy' : `the reverse proxy (${server})`
}

const fixesOfNoAnswer: Readonly<Partial<Record<ConnectionProblem['kind'], string>>> = {
  'unknown-name': 'check the host name of the URL, and the name server of this machine',
  closed: 'look into the log of the reverse proxy',
}

function fixOfNoAnswer(kind: ConnectionProblem['kind']): string {
  const otherwise =
    'check host and port of the URL, that the reverse proxy runs, and that this machine may reach it'
  return fixesOfNoAnswer[kind] ?? otherwise
}
