import { expect, test } from 'vitest'
import { errorCode } from '../../base/errors.ts'
import type { Dialer, Wire } from '../../net/wire.ts'
import { LocalEngine } from './local-engine.ts'
import { AppDialer, EngineDialer } from './tunnel-dialer.ts'

const tunnel = { name: 'tunnel' } as unknown as Wire
const socket = { name: 'socket' } as unknown as Wire
/** Tunnels at these ports. */
const server = {
  dial: (port: number) => (port === 23_001 || port === 24_001 ? Promise.resolve(tunnel) : null),
}
const direct: Dialer = { dial: async () => socket }
const apps = new AppDialer({ server, direct })
const engines = new EngineDialer({ server, direct, localEngine: new LocalEngine(null) })

test.each(['127.0.0.1', '127.0.0.2', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1'])(
  'an app at %s is reached through its tunnel, one without a tunnel directly, and an engine never',
  async (address) => {
    expect(await apps.dial({ address, port: 23_001 }, 1_000)).toBe(tunnel)
    expect(await apps.dial({ address, port: 23_002 }, 1_000)).toBe(socket)
    for (const port of [24_000, 24_001, 24_099]) {
      const problem: unknown = await apps.dial({ address, port }, 1_000).catch((error: unknown) => error)
      expect(errorCode(problem)).toBe('ENGINE_PORT_FORBIDDEN')
    }
  },
)

test('an app on another machine has nothing to do with tunnels', async () => {
  expect(await apps.dial({ address: '192.0.2.1', port: 23_001 }, 1_000)).toBe(socket)
  expect(await apps.dial({ address: '192.0.2.1', port: 24_001 }, 1_000)).toBe(socket)
})

test('an engine is reached through its tunnel, else directly', async () => {
  expect(await engines.dial({ address: '127.0.0.1', port: 24_001 }, 1_000)).toBe(tunnel)
  expect(await engines.dial({ address: '127.0.0.1', port: 24_002 }, 1_000)).toBe(socket)
})
