import { expect, test } from 'vitest'
import { judgeArrival } from './arrival-check.ts'
import type { ProbeResponse } from './http-probe.ts'

const base = new URL('https://cloud.example.com')
const gateway = '127.0.0.1:8780'

function answer(status: number, body = '', headers: ProbeResponse['headers'] = {}): ProbeResponse {
  return {
    kind: 'response',
    status,
    headers,
    body,
    receivedAt: 0,
    pieces: [],
    certificateValidTo: null,
  }
}

test.each([
  ['Harp', '{"status":"ok"}'],
  ['HaRP', '{"status": "ok"}'],
])('the heartbeat of %s has arrived', (_who, body) => {
  expect(judgeArrival(answer(200, body), base, gateway).status).toBe('ok')
})

test('a heartbeat over plain HTTP across the network is a warning, on this machine it is not', () => {
  const heartbeat = answer(200, '{"status":"ok"}')

  expect(judgeArrival(heartbeat, new URL('http://cloud.example.com'), gateway).status).toBe('warn')
  expect(judgeArrival(heartbeat, new URL('http://127.0.0.1:8080'), gateway).status).toBe('ok')
})

test.each<[string, ProbeResponse, RegExp, RegExp]>([
  ['the prefix is stripped', answer(404, '404 Not Found'), /without \/exapps\//, /handle_path/],
  ['the key is removed', answer(401, '401 Unauthorized'), /without the right shared key/, /harp-shared-key/],
  [
    'Nextcloud answers',
    answer(404, '<html>Nextcloud</html>'),
    /^Nextcloud answers 404/,
    /before the rules that serve Nextcloud/,
  ],
  [
    'Nextcloud answers by its cookies',
    answer(200, '<html>', { 'set-cookie': ['nc_sameSiteCookielax=true'] }),
    /^Nextcloud answers 200/,
    /before the rules/,
  ],
  [
    'the proxy answers',
    answer(404, 'nope', { server: 'nginx/1.22' }),
    /\(nginx\/1\.22\) answers 404/,
    /before the rules/,
  ],
  [
    'the proxy sends nonsense',
    answer(400, '<html>\nYour browser sent an invalid request.\n</html>'),
    /malformed HTTP/,
    /HP_LOG_LEVEL=debug/,
  ],
  ['the gateway is not there', answer(502, '<html>Bad Gateway'), /answers 502/, /127\.0\.0\.1:8780/],
  [
    'the host redirects with the path',
    answer(301, '', { location: 'https://www.example.com/exapps/app_api/heartbeat' }),
    /redirects to https:\/\/www\.example\.com/,
    /--url https:\/\/www\.example\.com;/,
  ],
  [
    'a login page redirects',
    answer(302, '', { location: '/login' }),
    /redirects to "\/login"/,
    /before the rules/,
  ],
])('where %s, that is named with the fix', (_what, response, detail, fix) => {
  const check = judgeArrival(response, base, gateway)

  expect(check.status).toBe('fail')
  expect(check.detail).toMatch(detail)
  expect(check.fix).toMatch(fix)
})

test('a foreign answer cannot write to the terminal', () => {
  const check = judgeArrival(answer(418, '\u001b[2Jowned\r\nsecond line'), base, gateway)

  expect(check.detail).toContain('[2Jowned second line')
  expect(check.detail).not.toMatch(/[\u0000-\u001f]/)
})
