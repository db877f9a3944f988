import { setTimeout as elapse } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { errorCode } from '../../base/errors.ts'
import { json } from '../control/control-api.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { containerName, type AppNames } from './container-name.ts'
import { refusedByEngine } from './engine-problem.ts'
import type { EngineTarget } from './engine-target.ts'
import {
  containerGone,
  judgeState,
  readContainerState,
  waitedTooLong,
  waitPauseMs,
  type ContainerState,
} from './wait-state.ts'

/** Of all looks together: AppAPI waits 150 s for the answer. */
const overallMs = 105_000

export interface WaitContext {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Asked only where it matters. */
  readonly isPodman: () => Promise<boolean>
}

/** Contract 4.4.2. */
export async function waitForStart(
  engine: EngineTarget,
  names: AppNames,
  { clock, signal, isPodman }: WaitContext,
): Promise<LocalResponse> {
  const name = containerName(names)
  const endAt = clock.monotonic() + overallMs
  let last: ContainerState | null = null
  let podman: boolean | undefined
  for (let tries = 1; ; tries += 1) {
    const leftMs = endAt - clock.monotonic()
    if (leftMs <= 0) return json(200, waitedTooLong(last))
    const looked = await look(engine, name, leftMs, signal)
    if (looked === 'timeout') return json(200, waitedTooLong(last))
    if (looked === 'gone') return json(200, containerGone)
    last = looked
    let step = judgeState(looked, tries, podman)
    if (step.kind === 'which-engine') {
      podman = await isPodman()
      step = judgeState(looked, tries, podman)
    }
    if (step.kind === 'answer') return json(200, step.answer)
    await elapse(waitPauseMs, undefined, { signal })
  }
}

async function look(
  engine: EngineTarget,
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ContainerState | 'gone' | 'timeout'> {
  try {
    const path = `/containers/${name}/json`
    const reply = await engine.request({ method: 'GET', path, timeoutMs, signal })
    if (reply.status === 404) return 'gone'
    const state = readContainerState(reply.json())
    if (reply.status !== 200 || state === null) {
      throw refusedByEngine(`Error inspecting container '${name}'`, reply)
    }
    return state
  } catch (error) {
    if (errorCode(error) === 'ENGINE_TIMEOUT') return 'timeout'
    throw error
  }
}
