import { describe, expect, test } from 'vitest'
import type { EngineStatus } from '../engine/engines.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import { fail, ok } from './check.ts'
import { judgeEngine, judgeHealthChecks, judgeStorage } from './engine-checks.ts'

const docker = { apiVersion: '1.51', minApiVersion: '1.24', engine: 'Docker 28.3.3' }
const podman = { apiVersion: '1.41', minApiVersion: '1.24', engine: 'Podman 5.2.0' }
const local: EngineStatus = {
  port: 24_000,
  via: 'socket',
  reachable: true,
  version: docker,
  lastError: null,
  busy: 0,
  waiting: 0,
}
const remote: EngineStatus = { ...local, port: 24_001, via: 'tunnel' }
const socket = ok('socket', 'may be opened')
const noTunnels: TunnelOverview = {
  listening: '0.0.0.0:8782',
  tls: true,
  requireTokens: 'none',
  tunnels: [],
  refused: [],
}

function failing(engine: EngineStatus, problem: string): EngineStatus {
  return { ...engine, reachable: false, lastError: { at: '2026-01-01T00:00:00.000Z', problem } }
}

function withTunnel(state: 'open' | 'lost'): TunnelOverview {
  const tunnel = {
    name: 'gpu',
    port: 24_001,
    state,
    peer: '192.0.2.9',
    lastSeen: '2026-01-01T00:00:00.000Z',
    lastError: { at: '2026-01-01T00:00:00.000Z', problem: 'no sign of life for 90 s' },
  }
  return { ...noTunnels, tunnels: [tunnel as TunnelOverview['tunnels'][number]] }
}

describe('an engine that answers', () => {
  test.each([
    ['1.24', '1.51', 'Docker 28.3.3, API 1.24 to 1.51'],
    ['1.12', '1.41', 'Docker 28.3.3, API 1.12 to 1.41; AppAPI’s 1.44 becomes 1.41'],
    ['1.52', '1.75', 'Docker 28.3.3, API 1.52 to 1.75; AppAPI’s 1.44 becomes 1.52'],
  ])('with API %s to %s', (minApiVersion, apiVersion, detail) => {
    const version = { ...docker, minApiVersion, apiVersion }

    expect(judgeEngine({ ...local, version }, null, socket)).toEqual(ok('engine 24000', detail))
  })

  test.each([
    [
      'that is too old to have been tried',
      { version: { ...docker, apiVersion: '1.22' } },
      /older than/,
      /upgrade/,
    ],
    ['that hides its version', { version: null }, /does not say/, /let GET \/version or \/_ping through/],
    ['that is slow', { busy: 8, waiting: 3 }, /8 calls are under way and 3 wait/, /harp engines/],
  ])('%s is to be looked at', (_what, change, detail, fix) => {
    expect(judgeEngine({ ...local, ...change }, null, socket)).toMatchObject({
      status: 'warn',
      detail: expect.stringMatching(detail),
      fix: expect.stringMatching(fix),
    })
  })
})

describe('an engine that does not answer', () => {
  test.each([
    ['connect ECONNREFUSED /var/run/docker.sock', /systemctl start docker.*restart that container/],
    ['connect EACCES /var/run/docker.sock', /SELinux/],
    ['connect EAGAIN', /systemctl start docker/],
    ['no answer to GET /version within 2000 ms', /hangs.*restart it/],
  ])('at the socket of this machine: %s', (problem, fix) => {
    expect(judgeEngine(failing(local, problem), null, socket)).toMatchObject({
      status: 'fail',
      detail: problem,
      fix: expect.stringMatching(fix),
    })
  })

  test('because the socket may not be opened, which is told already', () => {
    const closed = fail('socket', 'it may not open it', 'docker run --group-add 998')

    expect(judgeEngine(failing(local, 'connect EACCES'), null, closed).fix).toBe('as for the socket above')
  })

  test.each([
    ['open', /tunnel of "gpu" is open, but: it hangs/, /the machine 192\.0\.2\.9.*socket or port/],
    ['lost', /no tunnel.*until 2026-01-01.*no sign of life/, /start frpc or harp tunnel on 192\.0\.2\.9/],
  ] as const)('behind a tunnel that is %s', (state, detail, fix) => {
    expect(judgeEngine(failing(remote, 'it hangs'), withTunnel(state), socket)).toMatchObject({
      name: 'engine 24001',
      status: 'fail',
      detail: expect.stringMatching(detail),
      fix: expect.stringMatching(fix),
    })
  })

  test('whose tunnel has not come since the start', () => {
    expect(judgeEngine(failing(remote, 'refused'), noTunnels, socket)).toMatchObject({
      detail: 'no tunnel has this port now',
      fix: expect.stringContaining('harp tunnels shows who was refused'),
    })
  })
})

test('Podman without systemd runs no health checks; Docker needs none', () => {
  const engine = { ...local, version: podman }
  const judge = (cgroupDriver: string) => judgeHealthChecks(engine, { rootDirectory: '', cgroupDriver })

  expect(judge('systemd').map(({ status }) => status)).toEqual(['ok'])
  expect(judge('cgroupfs')).toMatchObject([{ status: 'warn', fix: expect.stringContaining('systemd') }])
  expect(judgeHealthChecks(engine, null)).toMatchObject([{ status: 'skip' }])
  expect(judgeHealthChecks(local, null)).toEqual([])
})

test('a disk without room for images is a warning, one that cannot be seen is not mentioned', () => {
  const info = { rootDirectory: '/var/lib/docker', cgroupDriver: 'systemd' }
  const judge = (gibibytes: number | null) =>
    judgeStorage(info, () => (gibibytes === null ? null : gibibytes * 1024 ** 3))

  expect(judge(40)).toEqual([ok('engine storage', '40.0 GiB free in /var/lib/docker')])
  expect(judge(1.5)).toMatchObject([{ status: 'warn', fix: expect.stringContaining('docker image prune') }])
  expect(judge(null)).toEqual([])
  expect(judgeStorage(null)).toEqual([])
})
