import { describe, expect, test } from 'vitest'
import type { TunnelOverview, TunnelStatus } from '../tunnels/tunnel-status.ts'
import { connectionProblem } from './connection-problem.ts'
import {
  judgeEngines,
  judgeLogin,
  judgeServer,
  judgeTls,
  judgeTokens,
  judgeTunnels,
} from './tunnel-checks.ts'
import type { TunnelLoginResult } from './tunnel-login.ts'

function failed(stage: 'connect' | 'tls' | 'answer', code: string): TunnelLoginResult {
  const problem = connectionProblem(Object.assign(new Error('it failed'), { code }), stage)
  return { kind: 'failed', stage, problem }
}

function answered(error: string): TunnelLoginResult {
  return { kind: 'answered', error, localAddress: '127.0.0.1' }
}

describe('one connection tells', () => {
  test('whether somebody listens', () => {
    expect(judgeServer(failed('connect', 'ECONNREFUSED'), '127.0.0.1:8782')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('127.0.0.1:8782 refuses the connection'),
      fix: expect.stringContaining('HP_FRP_ADDRESS'),
    })
    for (const result of [failed('tls', 'ECONNRESET'), answered(''), { kind: 'connected' } as const]) {
      expect(judgeServer(result, '127.0.0.1:8782').status).toBe('ok')
    }
  })

  test.each([
    ['CERT_SIGNATURE_FAILURE', /not trusted.*no client connects/, /move server\.crt/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /not trusted/, /move server\.crt/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /for other host names/, /harp\.nc/],
    ['CERT_HAS_EXPIRED', /has expired/, /harp certs renew/],
    ['ECONNRESET', /closes the connection/, /HP_FRP_DISABLE_TLS/],
    ['ERR_SSL_UNSUPPORTED', /refuses the TLS handshake/, /log of the gateway/],
  ])('why clients would not take the certificate: %s', (code, detail, fix) => {
    expect(judgeTls(failed('tls', code), true)).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(detail),
      fix: expect.stringMatching(fix),
    })
  })

  test('that the certificate is fine, or that there is none to look at', () => {
    expect(judgeTls(failed('answer', 'ECONNRESET'), true).status).toBe('ok')
    expect(judgeTls(answered('wrong'), true).status).toBe('ok')
    expect(judgeTls(answered(''), false).status).toBe('skip')
  })

  test('whether the key is accepted, and if not why', () => {
    expect(judgeLogin(answered(''), true).status).toBe('ok')
    expect(judgeLogin(answered('banned: too many failures'), true)).toMatchObject({
      status: 'fail',
      fix: 'harp bans lift 127.0.0.1',
    })
    expect(judgeLogin(answered('wrong\u001b[31m token'), true)).toMatchObject({
      status: 'fail',
      detail: 'the server refuses: "wrong [31m token"',
      fix: expect.stringContaining('HP_SHARED_KEY'),
    })
    expect(judgeLogin(failed('answer', 'ECONNRESET'), true)).toMatchObject({
      status: 'fail',
      fix: expect.stringContaining('client certificate'),
    })
    expect(judgeLogin(failed('answer', 'ECONNRESET'), false)).toMatchObject({
      status: 'fail',
      fix: expect.stringContaining('TLS'),
    })
  })
})

const tunnel: TunnelStatus = {
  name: 'gpu',
  port: 24_001,
  kind: 'engine',
  state: 'open',
  peer: '192.0.2.7',
  user: '',
  clientVersion: '0.61.1',
  transport: 'tls',
  mux: true,
  wire: 1,
  certificate: null,
  identity: { kind: 'shared-key' },
  runId: '1f2e',
  openedAt: '2026-01-01T00:00:00.000Z',
  ageSeconds: 90,
  connections: { active: 0, idle: 1, total: 5 },
  bytes: { toApp: 1, fromApp: 2 },
  roundTripMs: null,
  lastError: null,
  lastSeen: '2026-01-01T00:01:30.000Z',
}

function overview(...tunnels: TunnelStatus[]): TunnelOverview {
  return { listening: '0.0.0.0:8782', tls: true, requireTokens: 'none', tunnels, refused: [] }
}

test('tokens that the gateway cannot read are broken, those that nobody could ask for are not', () => {
  expect(judgeTokens({ kind: 'ok', value: [] })).toMatchObject({
    status: 'ok',
    detail: '0 beside the shared key',
  })
  expect(judgeTokens({ kind: 'not-running', path: '/x' }).status).toBe('skip')
  expect(
    judgeTokens({ kind: 'failed', problem: '/x/tokens.json is damaged [TOKENS_UNUSABLE]' }),
  ).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('TOKENS_UNUSABLE'),
  })
})

test('lost tunnels are a warning with their reasons, a few of them by name', () => {
  const lastError = { at: '', problem: 'cut' }
  const lost = Array.from({ length: 7 }, (_, index): TunnelStatus => ({
    ...tunnel,
    state: 'lost',
    name: `app${index}`,
    lastError,
  }))

  expect(judgeTunnels(overview(tunnel))).toMatchObject({ status: 'ok', detail: '1 open' })
  expect(judgeTunnels(overview(tunnel, ...lost))).toMatchObject({
    status: 'warn',
    detail: expect.stringMatching(/^1 open; gone and not back: app0 \(cut\), .*app4 \(cut\) and 2 more$/),
  })
})

test('an engine with the shared key is a warning, one with a token and an app are not', () => {
  expect(judgeEngines(overview(tunnel))).toMatchObject([
    {
      status: 'warn',
      detail: expect.stringMatching(/^gpu /),
      fix: expect.stringContaining('harp token add'),
    },
  ])
  expect(
    judgeEngines(
      overview({ ...tunnel, identity: { kind: 'token', id: '0123abcd' } }, { ...tunnel, kind: 'app' }),
    ),
  ).toEqual([])
})
