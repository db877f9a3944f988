import { posix } from 'node:path'
import type { EngineReply } from '../engine/engine-reply.ts'
import { Answered, refusedByEngine } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'
import { readTar, writeTar, type TarEntry, type TarFile } from './tar.ts'
import { text } from '../control/control-api.ts'

const timeoutMs = 120_000
const maxLinks = 8

export interface FoundFile {
  /** Where it is, links followed. */
  readonly path: string
  readonly text: string
}

/** The disk of a container, running or not, through the archive calls of its engine: nothing is run for it. */
export class ContainerFiles {
  readonly #engine: EngineTarget
  readonly #container: string

  constructor(engine: EngineTarget, container: string) {
    this.#engine = engine
    this.#container = container
  }

  /** A file, links followed; null: there is none. */
  async find(path: string, maxBytes: number): Promise<FoundFile | null> {
    let current = path
    for (let links = 0; links <= maxLinks; links += 1) {
      const [entry] = (await this.list(current, maxBytes)) ?? []
      if (entry?.kind === 'file') return { path: current, text: entry.content.toString('utf8') }
      if (entry?.kind !== 'link') return null
      current = posix.resolve(posix.dirname(current), entry.target)
    }
    return null
  }

  /** What is at `path`: for a directory, itself and all below it. null: nothing. */
  async list(path: string, maxBytes: number): Promise<TarEntry[] | null> {
    const reply = await this.#call('GET', path, undefined, maxBytes)
    if (reply.status === 404) return null
    if (reply.status !== 200) throw refusedByEngine(`Error reading ${path} of '${this.#container}'`, reply)
    const entries = readTar(reply.body)
    if (entries === null) throw new Answered(text(503, `Docker Engine sent no archive for ${path}`))
    return entries
  }

  /** Directories that are missing above a file are made. */
  async write(files: readonly TarFile[], now: number): Promise<void> {
    const reply = await this.#call('PUT', '/', writeTar(files, now), undefined)
    if (reply.status !== 200) throw refusedByEngine(`Error uploading files to '${this.#container}'`, reply)
  }

  #call(
    method: 'GET' | 'PUT',
    path: string,
    body: Buffer | undefined,
    maxBytes: number | undefined,
  ): Promise<EngineReply> {
    return this.#engine.request({
      method,
      path: `/containers/${this.#container}/archive`,
      query: { path },
      timeoutMs,
      ...(body === undefined ? {} : { body, contentType: 'application/x-tar' }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    })
  }
}
