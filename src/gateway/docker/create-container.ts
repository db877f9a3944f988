import { z } from 'zod'
import type { BindMountConfig } from '../config/config.ts'
import { json, text } from '../control/control-api.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import type { AppTunnelTokens } from './app-tunnel-token.ts'
import { containerBody } from './container-body.ts'
import { containerName, volumeName } from './container-name.ts'
import { refusedByEngine } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'
import { mountProblem } from './mount-rules.ts'
import type { CreatePayload } from './payload.ts'

export interface CreateContext {
  readonly bindMounts: BindMountConfig
  /** What no container may have of the gateway itself. */
  readonly ownPaths: readonly string[]
  readonly tokens: AppTunnelTokens
}

const timeoutMs = 60_000
const created = z.object({ Id: z.string() })

/** Contract 4.4.1: the app's volume, if there is none yet, and its container, which is not started. */
export async function createContainer(
  engine: EngineTarget,
  payload: CreatePayload,
  { bindMounts, ownPaths, tokens }: CreateContext,
): Promise<LocalResponse> {
  for (const mount of payload.mounts) {
    const problem = mountProblem(mount, bindMounts, ownPaths)
    if (problem !== null) return text(400, `Payload validation error: ${problem}`)
  }
  await ensureVolume(engine, volumeName(payload.names))
  const name = containerName(payload.names)
  const { environment, keep, discard } = await tokens.deploy(payload.names, payload.environment)
  let isMade = false
  try {
    const reply = await engine.request({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      json: containerBody(payload, environment),
      timeoutMs,
    })
    if (reply.status === 409) return text(409, `Container with name '${name}' already exists.`)
    const id = created.safeParse(reply.json()).data?.Id
    if (reply.status !== 201 || id === undefined) {
      throw refusedByEngine(`Error creating container '${name}'`, reply)
    }
    isMade = true
    return json(201, { id, name })
  } finally {
    await (isMade ? keep() : discard())
  }
}

async function ensureVolume(engine: EngineTarget, volume: string): Promise<void> {
  const found = await engine.request({ method: 'GET', path: `/volumes/${volume}`, timeoutMs })
  if (found.status === 200) return
  if (found.status !== 404) throw refusedByEngine(`Error inspecting volume '${volume}'`, found)
  const reply = await engine.request({
    method: 'POST',
    path: '/volumes/create',
    json: { Name: volume },
    timeoutMs,
  })
  // NOTE: an engine answers 201 for a volume that has been made in the meantime too; Podman sometimes 200.
  if (reply.status !== 201 && reply.status !== 200) {
    throw refusedByEngine(`Failed to create volume '${volume}'`, reply)
  }
}
