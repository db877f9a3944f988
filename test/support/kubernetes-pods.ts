/**
 * The pods of the simulated cluster. What a pod says of itself is scripted, one status for each time the pods are
 * listed, so that no test waits for a clock; the last one stays.
 */
export type PodStatus = Readonly<Record<string, unknown>>

export interface SimulatedPod {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly creationTimestamp: string
    deletionTimestamp?: string
  }
  readonly script: readonly PodStatus[]
  step: number
  /** How often a pod on its way out is still listed. */
  listingsLeft: number
}

const readyConditions = [
  { type: 'PodScheduled', status: 'True' },
  { type: 'Ready', status: 'True' },
]
const unreadyConditions = [
  { type: 'PodScheduled', status: 'True' },
  {
    type: 'Ready',
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [app]',
  },
]

function withContainer(phase: string, state: unknown, conditions: unknown = unreadyConditions): PodStatus {
  const container = {
    name: 'app',
    image: '',
    imageID: '',
    ready: phase === 'Running',
    restartCount: 0,
    state,
  }
  return { phase, conditions, containerStatuses: [container] }
}

/** The kubelet's waiting reasons. */
export function waiting(reason: string, message?: string): PodStatus {
  return withContainer('Pending', { waiting: { reason, ...(message === undefined ? {} : { message }) } })
}

export const podStatus = {
  /** Scheduled, and nothing known of its container yet. */
  scheduled: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'True' }] },
  unschedulable: {
    phase: 'Pending',
    conditions: [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: '0/1 nodes are available: 1 Insufficient memory.',
      },
    ],
  },
  creating: waiting('ContainerCreating'),
  imageBackOff: waiting('ImagePullBackOff', 'Back-off pulling image "ghcr.io/example/none:1"'),
  crashLoop: {
    ...withContainer('Running', {
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container=app' },
    }),
  },
  runningUnready: withContainer('Running', { running: { startedAt: '2026-01-01T00:00:00Z' } }),
  terminated: withContainer('Running', { terminated: { exitCode: 1, reason: 'Error' } }),
  ready: withContainer('Running', { running: { startedAt: '2026-01-01T00:00:00Z' } }, readyConditions),
  succeeded: { phase: 'Succeeded', conditions: [] },
  evicted: {
    phase: 'Failed',
    reason: 'Evicted',
    message: 'The node was low on resource: memory.',
    conditions: [],
  },
} as const satisfies Readonly<Record<string, PodStatus>>

/** The pod as it is listed now; the next listing shows the next status. */
export function listPod(pod: SimulatedPod): unknown {
  const status = pod.script[Math.min(pod.step, pod.script.length - 1)] ?? podStatus.ready
  pod.step += 1
  return { metadata: pod.metadata, spec: {}, status }
}
