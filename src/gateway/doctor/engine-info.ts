/** What the engine of this machine says of itself and its storage, asked at its socket. */
import { statfsSync } from 'node:fs'
import http from 'node:http'
import { z } from 'zod'
import { parseJson } from '../nextcloud/exapp-meta.ts'

export interface EngineInfo {
  /** Where its images and volumes are, on its own file system; empty: not said. */
  readonly rootDirectory: string
  readonly cgroupDriver: string
}

const maxBytes = 1_048_576
const info = z.object({ DockerRootDir: z.string().default(''), CgroupDriver: z.string().default('') })

/** null: it does not say, for whatever reason; others look into that. */
export async function askEngineInfo(socketPath: string, timeoutMs: number): Promise<EngineInfo | null> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const request = http.get({ socketPath, path: '/info', agent: false, headers: { host: 'docker' } })
  const timer = setTimeout(() => request.destroy(new Error('too slow')), timeoutMs)
  request.on('error', () => resolve(''))
  request.on('response', (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) request.destroy(new Error('too large'))
      else chunks.push(chunk)
    })
    response.on('error', () => resolve(''))
    response.on('end', () =>
      resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString('utf8') : ''),
    )
  })
  try {
    const parsed = info.safeParse(parseJson(await promise))
    if (!parsed.success) return null
    return { rootDirectory: parsed.data.DockerRootDir, cgroupDriver: parsed.data.CgroupDriver }
  } finally {
    clearTimeout(timer)
    request.destroy()
  }
}

/** null: not to be seen from here, as from within a container. */
export function freeBytes(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    return null
  }
}
