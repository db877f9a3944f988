import { createServer } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { silentLogger } from '../base/logger.ts'
import type { Cut } from './cable.ts'
import { listenOnLoopback } from './loopback-server.ts'
import { TunnelPanel, type TunnelFacts } from './tunnel-panel.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const openedAt = Date.parse('2026-01-01T12:00:00.000Z')
const open: TunnelFacts = {
  state: 'open',
  peer: '127.0.0.1',
  transport: 'tls',
  certificate: { subject: 'CN=harp.client.nc', validTo: '2039-01-01T00:00:00.000Z' },
  identity: { kind: 'token' },
  openedAt: new Date(openedAt).toISOString(),
  ageSeconds: 7,
  connections: { active: 1, idle: 1, total: 4 },
  bytes: { toApp: 10, fromApp: 20 },
  roundTripMs: 0.4,
}

interface Panel {
  readonly url: string
  readonly cuts: () => number
}

async function startPanel(
  facts: () => Promise<TunnelFacts | null>,
  lastCut: Cut | null = null,
): Promise<Panel> {
  let cuts = 0
  const panel = new TunnelPanel({ cable: { cut: () => (cuts += 1), lastCut }, facts, log: silentLogger })
  const server = createServer((request, response) => {
    if (!panel.answers(request, response)) response.end('not for the panel')
  })
  const bound = await listenOnLoopback(server, [0])
  cleanups.push(() => bound.stop())
  return { url: `http://127.0.0.1:${bound.address.port}`, cuts: () => cuts }
}

test('the facts are those of the gateway, and other paths are not for the panel', async () => {
  const { url } = await startPanel(async () => open)

  expect(await (await fetch(`${url}/demo/tunnel`)).json()).toEqual({ ...open, isCut: false, healedMs: null })
  expect(await (await fetch(`${url}/demo/asked`)).text()).toBe('not for the panel')
})

test.each([
  ['while it is cut', 'lost', { at: openedAt + 100, repairedAt: null }, { isCut: true, healedMs: null }],
  [
    'until the client is back',
    'lost',
    { at: openedAt + 1, repairedAt: openedAt + 2 },
    { isCut: false, healedMs: null },
  ],
  [
    'before the gateway has noticed',
    'open',
    { at: openedAt + 1, repairedAt: openedAt + 2 },
    { healedMs: null },
  ],
  [
    'once it is back',
    'open',
    { at: openedAt - 900, repairedAt: openedAt - 300 },
    { isCut: false, healedMs: 300 },
  ],
] as const)('a cut is told: %s', async (_when, state, lastCut, told) => {
  const { url } = await startPanel(async () => ({ ...open, state }), lastCut)

  expect(await (await fetch(`${url}/demo/tunnel`)).json()).toMatchObject(told)
})

test('only a POST from the own page, or from no page, cuts', async () => {
  const { url, cuts } = await startPanel(async () => open)
  const post = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${url}/demo/tunnel/cut`, { method: 'POST', headers })).status

  expect((await fetch(`${url}/demo/tunnel/cut`)).status).toBe(405)
  expect((await fetch(`${url}/demo/tunnel`, { method: 'POST' })).status).toBe(405)
  expect(await post({ origin: 'http://elsewhere.example' })).toBe(403)
  expect(cuts()).toBe(0)
  expect([await post({ origin: url }), await post({})]).toEqual([200, 200])
  expect(cuts()).toBe(2)
})

test('where the gateway knows of no tunnel, or does not answer, the panel says so', async () => {
  const none = await startPanel(async () => null)
  const silent = await startPanel(() => Promise.reject(new Error('no answer')))

  expect((await fetch(`${none.url}/demo/tunnel`)).status).toBe(503)
  expect((await fetch(`${silent.url}/demo/tunnel`)).status).toBe(503)
})
