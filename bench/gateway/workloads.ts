/** What is measured, in words that need no processes: names, titles, paths, units. */
import { type Workload } from '../workload.ts'

export const workloadNames = [
  'http-1',
  'http-64',
  'cookie-64',
  'brute-force-64',
  'http-256',
  'close-32',
  'download-1',
  'download-4',
  'upload-1',
  'upload-4',
  'websocket-echo',
  'websocket-establish',
  'websocket-idle',
] as const
export type WorkloadName = (typeof workloadNames)[number]

const transferMiB = 100
export const largeBytes = transferMiB * 1_048_576
const establishInFlight = 16

/** Two apps, because their upstreams are two programs: nginx with fixed answers, and a Node server for the rest. */
export const staticApp = 'fixed'
export const streamApp = 'stream'
export const websocketPath = `/exapps/${streamApp}/public/websocket`

const publicPath = `/exapps/${staticApp}/public/1k`
const sessionFields = ['Cookie: oc_sessionPassphrase=bench; nc_username=alice; nc_session_id=bench']

function http(
  name: WorkloadName,
  title: string,
  connections: number,
  differs: { path?: string; fields?: readonly string[] } = {},
): Workload {
  return { kind: 'http', name, title, unit: 'request', path: publicPath, connections, fields: [], ...differs }
}

/** All but the memory of idle sockets, which needs fresh processes. The three at 64 connections stand together. */
export const workloads: readonly Workload[] = [
  http('http-1', 'HTTP, 1 connection', 1),
  http('http-64', 'HTTP, 64 connections', 64),
  http('cookie-64', 'HTTP with a cached session, 64 connections', 64, {
    path: `/exapps/${staticApp}/user/1k`,
    fields: sessionFields,
  }),
  http('brute-force-64', 'HTTP on a brute-force route, 64 connections', 64, {
    path: `/exapps/${staticApp}/protected/1k`,
  }),
  http('http-256', 'HTTP, 256 connections', 256),
  http('close-32', 'HTTP, connection: close, 32 connections', 32, { fields: ['Connection: close'] }),
  bulk('download', 'download-1', '100 MiB download, one at a time', 1, 3),
  bulk('download', 'download-4', '100 MiB downloads, four at once', 4, 1),
  bulk('upload', 'upload-1', '100 MiB upload, one at a time', 1, 3),
  bulk('upload', 'upload-4', '100 MiB uploads, four at once', 4, 1),
  {
    kind: 'echo',
    name: 'websocket-echo',
    title: 'WebSocket echo, 100 connections',
    unit: 'echo',
    path: websocketPath,
    connections: 100,
  },
  {
    kind: 'establish',
    name: 'websocket-establish',
    title: 'WebSocket handshakes, 16 at once',
    unit: 'handshake',
    path: websocketPath,
    connections: establishInFlight,
  },
]

function bulk(
  kind: 'download' | 'upload',
  name: WorkloadName,
  title: string,
  slots: number,
  transfers: number,
): Workload {
  const path = kind === 'download' ? `/exapps/${staticApp}/public/100m` : `/exapps/${streamApp}/public/upload`
  return { kind, name, title, unit: 'MiB', path, slots, transfers, transferMiB }
}
