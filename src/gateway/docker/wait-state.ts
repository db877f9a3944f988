/** When a container counts as started (contract 4.4.2). Pure: what was seen so far, to an answer or another look. */
import { z } from 'zod'

export interface WaitAnswer {
  readonly started: boolean
  readonly status: string
  readonly health?: string | null
  readonly reason?: string
}

export interface ContainerState {
  readonly status: string
  /** null: the container has no health check. */
  readonly health: string | null
  /** Health checks that have run so far. */
  readonly checksRun: number
}

export type WaitStep =
  | { readonly kind: 'answer'; readonly answer: WaitAnswer }
  | { readonly kind: 'again' }
  /** Tell next time which engine it is. */
  | { readonly kind: 'which-engine' }

export const maxWaitTries = 180
export const waitPauseMs = 500
/** Podman starts health checks by systemd timers; where none ran after this many looks, none will. */
const podmanTries = 40

const inspected = z.object({
  State: z.object({
    Status: z.string(),
    Health: z.object({ Status: z.string(), Log: z.array(z.unknown()).nullish() }).nullish(),
  }),
})

/** null: not what an engine says of a container. */
export function readContainerState(json: unknown): ContainerState | null {
  const parsed = inspected.safeParse(json)
  if (!parsed.success) return null
  const { Status: status, Health: health } = parsed.data.State
  // NOTE: `none` is Docker's word, and an empty text Podman's, for a container without a health check.
  const hasHealth =
    health !== undefined && health !== null && health.Status !== '' && health.Status !== 'none'
  return { status, health: hasHealth ? health.Status : null, checksRun: health?.Log?.length ?? 0 }
}

/** `tries`: looks so far, this one included. `isPodman` undefined: not known. */
export function judgeState(
  { status, health, checksRun }: ContainerState,
  tries: number,
  isPodman?: boolean,
): WaitStep {
  const answer = (started: boolean, reason?: string): WaitStep => ({
    kind: 'answer',
    answer: { started, status, health, ...(reason === undefined ? {} : { reason }) },
  })
  if (status === 'running') {
    if (health === null || health === 'healthy') return answer(true)
    if (health === 'unhealthy') return answer(true, 'unhealthy')
    if (tries >= podmanTries && checksRun === 0) {
      if (isPodman === undefined) return { kind: 'which-engine' }
      if (isPodman) return answer(true, 'Podman has run no health check (it needs systemd): not waited for')
    }
  } else if (status === 'paused' || status === 'exited' || status === 'dead') {
    return answer(false, `non-recoverable state: ${status}`)
  }
  return tries >= maxWaitTries ? answer(false, 'timeout after max tries') : { kind: 'again' }
}

export const containerGone: WaitAnswer = {
  started: false,
  status: 'not_found',
  reason: 'container not found',
}

/** The engine stopped answering. */
export function waitedTooLong(last: ContainerState | null): WaitAnswer {
  const { status = 'unknown', health = null } = last ?? {}
  return { started: false, status, health, reason: 'overall timeout' }
}
