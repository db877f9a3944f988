/** What the pods of a Deployment say of its start (contract 4.5.2), from the objects alone. */
import type { Pod } from './objects.ts'

/** The answer of wait_for_start. */
export interface WaitAnswer {
  readonly started: boolean
  readonly status: string
  readonly health: string
  readonly reason: string | null
  readonly message: string | null
}

export type PodState =
  | { readonly kind: 'over'; readonly answer: WaitAnswer }
  | {
      readonly kind: 'waiting'
      readonly stage: WaitStage
      readonly phase: string
      readonly reason: string | null
      readonly message: string | null
    }

/** `absent`: no pod yet. `unschedulable`: no node has room for it. `pulled`: the image is there. */
export type WaitStage = 'absent' | 'unschedulable' | 'pulling' | 'pulled'

const containerName = 'app'
const imageErrors = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName'])
const pullingReasons = new Set(['', 'ContainerCreating', 'PodInitializing'])
const maxMessage = 300

export function podState(pods: readonly Pod[]): PodState {
  const pod = currentPod(pods)
  if (pod === undefined) {
    return { kind: 'waiting', stage: 'absent', phase: 'unknown', reason: null, message: null }
  }
  const { phase: found, conditions, containerStatuses } = pod.status
  const phase = found === '' ? 'unknown' : found
  const container = containerStatuses.find(({ name }) => name === containerName) ?? containerStatuses[0]
  const { waiting, running, terminated } = container?.state ?? {}
  const why = explain(pod, waiting ?? terminated)
  const over = (started: boolean, status: string, health: string): PodState => ({
    kind: 'over',
    answer: { started, status, health, ...why },
  })
  if (phase === 'Running' && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) {
    return over(true, 'running', 'ready')
  }
  if (phase === 'Succeeded') return over(true, 'succeeded', 'ready')
  if (phase === 'Failed' || phase === 'Unknown') return over(false, phase, 'not_ready')
  if (waiting !== undefined && imageErrors.has(waiting.reason)) {
    return over(false, waiting.reason, 'image_error')
  }
  const isPulled =
    running !== undefined ||
    terminated !== undefined ||
    (waiting !== undefined && !pullingReasons.has(waiting.reason))
  const stage = isPulled ? 'pulled' : isUnschedulable(pod) ? 'unschedulable' : 'pulling'
  return { kind: 'waiting', stage, phase, ...why }
}

/** The newest that is not on its way out: a stopped or replaced pod may still be there, and look well. */
function currentPod(pods: readonly Pod[]): Pod | undefined {
  return pods
    .filter(({ metadata }) => (metadata.deletionTimestamp ?? null) === null)
    .toSorted((a, b) =>
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
    )[0]
}

function isUnschedulable({ status }: Pod): boolean {
  return status.conditions.some(({ type, status: value }) => type === 'PodScheduled' && value === 'False')
}

/** The container's own reason, else the pod's, else that of the first condition that is not met. */
function explain(
  { status }: Pod,
  container: { readonly reason: string; readonly message: string } | undefined,
): Pick<WaitAnswer, 'reason' | 'message'> {
  const unmet = status.conditions.filter((each) => each.status === 'False')
  const source = [container, status, ...unmet].find((each) => each !== undefined && each.reason !== '')
  return { reason: source?.reason ?? null, message: shortText(source?.message ?? '') }
}

/** One line, bounded; null for none. */
export function shortText(text: string): string | null {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line === '' ? null : line.slice(0, maxMessage)
}
