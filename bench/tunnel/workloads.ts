/** What is measured, in words that need no processes: names, titles, paths, sizes. */
import { type Workload } from '../workload.ts'

export const workloadNames = [
  'http-1',
  'http-64',
  'websocket-echo',
  'download-1',
  'upload-1',
  'download-4',
] as const
export type WorkloadName = (typeof workloadNames)[number]

/** The app behind the tunnel. Every path of it has this form; what only passes bytes hands them on as they are. */
export const app = 'bench'
const publicPath = `/exapps/${app}/public`
export const smallPath = `${publicPath}/1k`

export const parallelDownloads = 4

/** `sizeMiB`: what one measurement moves, in one transfer or in four at once. */
export function listWorkloads(sizeMiB: number): Workload[] {
  const http = { kind: 'http', unit: 'request', path: smallPath, fields: [] } as const
  const bulk = { unit: 'MiB', transfers: 1 } as const
  const quarterMiB = sizeMiB / parallelDownloads
  return [
    { name: 'http-1', title: 'HTTP, 1 connection', ...http, connections: 1 },
    { name: 'http-64', title: 'HTTP, 64 connections', ...http, connections: 64 },
    {
      name: 'websocket-echo',
      title: 'WebSocket echo, 100 connections',
      kind: 'echo',
      unit: 'echo',
      path: `${publicPath}/websocket`,
      connections: 100,
    },
    {
      name: 'download-1',
      title: `${sizeMiB} MiB download`,
      kind: 'download',
      path: downloadPath(sizeMiB),
      slots: 1,
      transferMiB: sizeMiB,
      ...bulk,
    },
    {
      name: 'upload-1',
      title: `${sizeMiB} MiB upload`,
      kind: 'upload',
      path: `${publicPath}/upload`,
      slots: 1,
      transferMiB: sizeMiB,
      ...bulk,
    },
    {
      name: 'download-4',
      title: `${parallelDownloads} downloads at once, ${quarterMiB} MiB each`,
      kind: 'download',
      path: downloadPath(quarterMiB),
      slots: parallelDownloads,
      transferMiB: quarterMiB,
      ...bulk,
    },
  ]
}

function downloadPath(mib: number): string {
  return `${publicPath}/large?bytes=${mib * 1_048_576}`
}
