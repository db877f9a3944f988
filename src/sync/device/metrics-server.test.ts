import { afterEach, describe, expect, test } from 'vitest'
import { sampleStatus } from '../../../test/sync/support/fake-daemon.ts'
import { silentLogger } from '../../base/logger.ts'
import type { HostPort } from '../../net/address.ts'
import type { FolderCounts } from '../folder/folder-counts.ts'
import type { DeviceStatus } from './daemon-api.ts'
import { daemonMetrics, type MetricsSource } from './daemon-metrics.ts'
import { MetricsServer } from './metrics-server.ts'

const counts: FolderCounts = {
  entries: 812,
  watched: 4,
  received: 100,
  near: 60,
  sent: 200,
  strikes: 1,
  upkeep: {
    scrubbedBytes: 5,
    scrubbedAt: undefined,
    damaged: 2,
    healed: 1,
    damagedNow: 1,
    freedBytes: 7,
    heldForOthers: 3,
    gatheredBytes: 0,
  },
}
const source: MetricsSource = {
  status: () => sampleStatus,
  counts: () => [['Music', counts]],
  links: () => ({ open: 1, opened: 3, bytesIn: 10, bytesOut: 20, dialFailures: 5 }),
  discovery: () => ({ isOn: true, interfaces: [], problem: undefined, heard: 8, sent: 9 }),
}

const lines = async (from: MetricsSource): Promise<readonly string[]> =>
  (await daemonMetrics(from).render()).body.split('\n').filter((line) => !line.startsWith('#'))

describe('what is told', () => {
  test('folders, links, discovery and the process', async () => {
    expect(await lines(source)).toEqual(
      expect.arrayContaining([
        'harp_sync_folders{state="syncing"} 1',
        'harp_sync_folders{state="blocked"} 0',
        'harp_sync_folder_need_bytes{folder="Music"} 250',
        'harp_sync_folder_connected{folder="Music"} 1',
        'harp_sync_log_entries{folder="Music"} 812',
        'harp_sync_chunk_received_bytes_total{folder="Music",from="far"} 40',
        'harp_sync_chunk_sent_bytes_total{folder="Music"} 200',
        'harp_sync_damaged{folder="Music"} 1',
        'harp_sync_held_for_others{folder="Music"} 3',
        'harp_sync_links 1',
        'harp_sync_link_bytes_total{direction="out"} 20',
        'harp_sync_dial_failures_total 5',
        'harp_sync_discovery_datagrams_total{direction="in"} 8',
        'harp_sync_discovery_ok 1',
        expect.stringMatching(/^harp_process_resident_memory_bytes \d+$/),
      ]),
    )
  })

  test('a cache; and a name of a folder cannot break the format', async () => {
    const [folder] = sampleStatus.folders
    const cache = {
      quotaBytes: 10,
      usedBytes: 5,
      chunks: 2,
      hitBytes: 3,
      missBytes: 4,
      evictedBytes: 1,
    }
    const status: DeviceStatus = { ...sampleStatus, folders: [{ ...folder!, name: 'a"b\\c', cache }] }

    expect(await lines({ ...source, status: () => status })).toEqual(
      expect.arrayContaining([
        'harp_sync_cache_used_bytes{folder="a\\"b\\\\c"} 5',
        'harp_sync_cache_asked_bytes_total{folder="a\\"b\\\\c",outcome="miss"} 4',
      ]),
    )
  })

  test('nothing of devices, addresses, paths or files', async () => {
    const text = (await lines(source)).join('\n')

    for (const secret of ['desktop', 'nas', '192.0.2', '/home', 'b.db', 'AAAAAAA']) {
      expect(text).not.toContain(secret)
    }
  })

  test('the state is read once for all', async () => {
    let asked = 0
    const status = (): DeviceStatus => {
      asked++
      return sampleStatus
    }
    const metrics = daemonMetrics({ ...source, status })
    await metrics.render()
    await metrics.render()

    expect(asked).toBe(2)
  })
})

describe('the server', () => {
  const running: MetricsServer[] = []
  afterEach(() => running.splice(0).forEach((server) => server.stop()))

  async function start(
    address: HostPort,
    render = async () => ({ contentType: 'text/plain', body: 'm 1\n' }),
  ) {
    const server = new MetricsServer({ address, render, log: silentLogger })
    running.push(server)
    const bound = await server.start()
    return (path: string, method = 'GET') => fetch(`http://127.0.0.1:${bound.port}${path}`, { method })
  }
  const anyPort = { host: '127.0.0.1', port: 0 }

  test('tells metrics and health, and takes nothing', async () => {
    const ask = await start(anyPort)

    expect(await (await ask('/metrics?x=1')).text()).toBe('m 1\n')
    expect(await (await ask('/healthz')).text()).toBe('ok\n')
    expect((await ask('/metrics', 'HEAD')).headers.get('content-length')).toBe('4')
    expect((await ask('/status')).status).toBe(404)
    const posted = await ask('/metrics', 'POST')
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('goes on when metrics cannot be told', async () => {
    const ask = await start(anyPort, () => Promise.reject(new Error('a secret')))

    const answer = await ask('/metrics')
    expect([answer.status, await answer.text()]).toEqual([500, 'internal error, see the log\n'])
    expect((await ask('/healthz')).status).toBe(200)
  })

  test('a port that is taken is an error with a fix', async () => {
    const server = new MetricsServer({
      address: anyPort,
      render: async () => ({ contentType: '', body: '' }),
      log: silentLogger,
    })
    running.push(server)
    const { port } = await server.start()

    await expect(start({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'SYNC_ADMIN_ADDRESS',
      message: `cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
      fix: expect.stringContaining('--admin'),
    })
  })
})
