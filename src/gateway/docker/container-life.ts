/** The routes that need no more than a name (contract 4.4): each is one or two calls of the engine. */
import { errorCode } from '../../base/errors.ts'
import { z } from 'zod'
import { json, noContent, text } from '../control/control-api.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { containerName, volumeName, type AppNames } from './container-name.ts'
import { Answered, refusedByEngine } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'
import { imagePathSegment } from '../access/image-reference.ts'
import type { RemovePayload } from './payload.ts'

const askMs = 15_000
const changeMs = 30_000

const container = z.object({
  Config: z.object({ Image: z.string().nullish() }).nullish(),
  Image: z.string().nullish(),
})
const image = z.object({ Size: z.number().min(0) })
const deletions = z.array(z.looseObject({}))

export async function containerExists(
  engine: EngineTarget,
  names: AppNames,
  signal: AbortSignal,
): Promise<LocalResponse> {
  const name = containerName(names)
  const path = `/containers/${name}/json`
  const reply = await engine.request({ method: 'GET', path, timeoutMs: askMs, signal })
  if (reply.status === 404) return json(200, { exists: false })
  if (reply.status !== 200) throw refusedByEngine(`Error checking container '${name}'`, reply)
  const { Config: config, Image: id } = container.safeParse(reply.json()).data ?? {}
  return json(200, { exists: true, image_ref: config?.Image ?? id ?? '' })
}

export async function startContainer(engine: EngineTarget, names: AppNames): Promise<LocalResponse> {
  return change(engine, names, { action: 'start', done: 'started', doing: 'starting' })
}

export async function stopContainer(engine: EngineTarget, names: AppNames): Promise<LocalResponse> {
  return change(engine, names, { action: 'stop', done: 'stopped', doing: 'stopping' })
}

async function change(
  engine: EngineTarget,
  names: AppNames,
  { action, done, doing }: { action: 'start' | 'stop'; done: string; doing: string },
): Promise<LocalResponse> {
  const name = containerName(names)
  const path = `/containers/${name}/${action}`
  const reply = await engine.request({ method: 'POST', path, timeoutMs: changeMs })
  if (reply.status === 204) return noContent
  if (reply.status === 304) return text(200, `Container already ${done}`)
  // NOTE: an engine says 404 for a network that is gone too.
  if (reply.status === 404 && /^$|no such container/i.test(reply.message)) {
    return text(404, `Container '${name}' not found.`)
  }
  throw refusedByEngine(`Error ${doing} container '${name}' via Docker Engine`, reply)
}

/** `onGone`: the container is, whatever becomes of its volume. */
export async function removeContainer(
  engine: EngineTarget,
  { names, removeData }: RemovePayload,
  onGone: () => Promise<void>,
): Promise<LocalResponse> {
  const name = containerName(names)
  const reply = await engine.request({
    method: 'DELETE',
    path: `/containers/${name}`,
    query: { force: 'true' },
    timeoutMs: changeMs,
  })
  // 409: it is being removed already.
  if (![200, 204, 404, 409].includes(reply.status)) {
    throw refusedByEngine(`Error removing container '${name}' via Docker Engine`, reply)
  }
  await onGone()
  if (removeData) await removeVolume(engine, volumeName(names))
  return noContent
}

async function removeVolume(engine: EngineTarget, volume: string): Promise<void> {
  try {
    const path = `/volumes/${volume}`
    const reply = await engine.request({ method: 'DELETE', path, timeoutMs: changeMs })
    if (reply.status === 409) {
      throw new Answered(text(409, `Volume '${volume}' is in use and could not be removed.`))
    }
    if (reply.status !== 204 && reply.status !== 404) {
      throw refusedByEngine(`Error removing volume '${volume}' via Docker Engine`, reply)
    }
  } catch (error) {
    if (errorCode(error) !== 'ENGINE_UNREACHABLE') throw error
    const problem = `Could not connect to Docker Engine on port ${engine.port} for volume removal`
    throw new Answered(text(503, problem))
  }
}

export async function removeImage(engine: EngineTarget, reference: string): Promise<LocalResponse> {
  const path = `/images/${imagePathSegment(reference)}`
  const notFound = json(200, { deleted: true, bytes_freed: 0, reason: 'not_found' })
  const inspected = await engine.request({ method: 'GET', path: `${path}/json`, timeoutMs: changeMs })
  if (inspected.status === 404) return notFound
  const size = image.safeParse(inspected.json()).data?.Size ?? 0
  const reply = await engine.request({ method: 'DELETE', path, timeoutMs: changeMs })
  switch (reply.status) {
    case 200: {
      // NOTE: without an entry `Deleted` only a name of the image is gone, and no space is freed.
      const isGone = (deletions.safeParse(reply.json()).data ?? []).some((each) => 'Deleted' in each)
      return json(200, { deleted: true, bytes_freed: isGone ? size : 0 })
    }
    case 404:
      return notFound
    case 409:
      return json(200, { deleted: false, reason: 'in_use' })
    default:
      throw refusedByEngine(`Error removing image '${reference}' via Docker Engine`, reply)
  }
}
