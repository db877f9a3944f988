import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CheckInfo, PeerInfo } from '../../src/sync/device/daemon-api.ts'
import { eventually } from '../support/deadline.ts'
import { freePorts } from '../support/free-ports.ts'
import type { Device } from './support/device.ts'
import { write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'

describe('how it goes, for people and for monitoring', () => {
  let pair: Pair
  let adminPort: number

  beforeAll(async () => {
    adminPort = (await freePorts(1))[0] ?? 0
    pair = await Pair.start({
      ann: { flags: ['--admin', `:${adminPort}`, '--no-discovery'] },
      bob: { flags: ['--no-discovery'] },
      prepare: (root) => write(root, 'secret-plans.txt', 'a file'),
    })
    await pair.converge((tree) => 'secret-plans.txt' in tree)
  })

  afterAll(() => pair.dispose())

  const peerOf = async (device: Device): Promise<PeerInfo> => (await device.api.call('peers'))[0]!

  const untilPeer = (device: Device, what: string, fits: (peer: PeerInfo) => boolean): Promise<PeerInfo> =>
    eventually(
      what,
      async () => {
        const peer = await peerOf(device)
        return fits(peer) ? peer : undefined
      },
      { timeoutMs: 30_000, everyMs: 100 },
    )

  const checksOf = async (device: Device) => {
    const { code, json } = await device.cli('doctor', 'sync', '--json')
    const checks = json as readonly CheckInfo[]
    return { code, of: (name: string) => checks.filter((check) => check.name === name) }
  }

  const metrics = async (): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
    return answer.text()
  }

  it('shows how the other one is reached', async () => {
    const bob = await untilPeer(pair.ann, 'a round trip', ({ roundTripMs }) => roundTripMs !== null)
    const ann = await peerOf(pair.bob)

    expect(bob).toMatchObject({ name: 'bob', connected: true, path: 'lan', hint: null })
    expect((await pair.ann.folder(folderName)).peers).toMatchObject([{ name: 'bob', path: bob.path }])
    expect(bob.folders).toMatchObject([{ name: folderName, role: 'write' }])
    expect(ann.folders).toMatchObject([{ name: folderName, role: 'admin' }])
    expect(new Set([ann.dialled, bob.dialled])).toEqual(new Set([false, true]))
    expect(Math.min(bob.bytesIn, bob.bytesOut)).toBeGreaterThan(0)
    expect((await pair.ann.cli('peers')).stdout).toMatch(/^bob \(\w{7}\) {2}lan 127\.0\.0\.1:/)
  })

  it('finds nothing broken, and says what it cannot know', async () => {
    const { code, of } = await checksOf(pair.ann)

    expect(of('folders')).toMatchObject([{ result: 'ok', message: '1 open' }])
    expect(of('roles')).toMatchObject([{ result: 'ok' }])
    expect(of('key files')).toMatchObject([{ result: 'ok' }])
    expect(of('key backup')).toMatchObject([{ result: 'warning' }])
    expect(of('listening')).toMatchObject([{ result: 'ok' }])
    expect(of('reachable')).toMatchObject([{ result: 'warning', message: expect.stringContaining('only') }])
    expect(of('discovery')).toMatchObject([{ result: 'ok', message: expect.stringContaining('off') }])
    expect(of('clock')).toMatchObject([{ result: 'ok', message: expect.stringContaining('differs by') }])
    expect(of('disk space').length).toBe(2)
    expect(code).toBe(of('disk space').some(({ result }) => result === 'failed') ? 1 : 0)
  })

  it('tells monitoring what goes on, and no names of devices or files', async () => {
    const text = await metrics()

    expect(text).toContain(`harp_sync_folder_files{folder="${folderName}"} 1\n`)
    expect(text).toContain('harp_sync_links 1\n')
    expect(text).toMatch(/harp_sync_link_bytes_total\{direction="in"\} [1-9]/)
    for (const secret of ['secret-plans', 'bob', '127.0.0.1', pair.place]) expect(text).not.toContain(secret)
    expect((await fetch(`http://127.0.0.1:${adminPort}/healthz`)).status).toBe(200)
  })

  it('does not start where monitoring would find another program', async () => {
    await pair.bob.stop()
    const { code, stderr } = await pair.bob.cli('up', '--listen', ':0', '--admin', `:${adminPort}`)

    expect([code, stderr]).toEqual([1, expect.stringContaining('[SYNC_ADMIN_ADDRESS]')])
  })

  it('says why the other one is not there', async () => {
    const bob = await untilPeer(pair.ann, 'an attempt', ({ hint }) => hint?.includes('refused') === true)

    expect(bob).toMatchObject({ connected: false, address: null, path: null, since: expect.any(String) })
    expect(bob.addresses.map(({ problem }) => problem)).toContainEqual(
      expect.stringContaining('ECONNREFUSED'),
    )
    const { stdout } = await pair.ann.cli('peers')
    expect(stdout).toMatch(/^bob \(\w{7}\) {2}away for \d+s/)
    expect(stdout).toContain('  → connection refused at 127.0.0.1:')
    expect(await metrics()).toMatch(/harp_sync_dial_failures_total [1-9]/)
  })

  it('names a key that others may read', async () => {
    chmodSync(join(pair.ann.home, 'device.json'), 0o644)
    const { code, of } = await checksOf(pair.ann)

    expect([code, of('key files')]).toMatchObject([1, [{ result: 'failed' }]])
    chmodSync(join(pair.ann.home, 'device.json'), 0o600)
  })

  it('looks at the machine without a daemon', async () => {
    await pair.ann.stop()
    const { of } = await checksOf(pair.ann)

    expect(of('daemon')).toMatchObject([{ result: 'warning' }])
    expect(of('key files')).toMatchObject([{ result: 'ok' }])
    await expect(metrics()).rejects.toThrow('fetch failed')
  })
})
