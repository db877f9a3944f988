import { describe, expect, test } from 'vitest'
import { podStatus, type PodStatus, waiting } from '../../../test/support/kubernetes-pods.ts'
import { podList, type Pod } from './objects.ts'
import { podState } from './pod-state.ts'

function pod(status: PodStatus, more: { createdAt?: string; isLeaving?: boolean } = {}): Pod {
  const { createdAt = '2026-01-01T00:00:00Z', isLeaving = false } = more
  const metadata = {
    name: 'p',
    creationTimestamp: createdAt,
    ...(isLeaving ? { deletionTimestamp: createdAt } : {}),
  }
  const [parsed] = podList.parse({ items: [{ metadata, status }] }).items
  if (parsed === undefined) throw new Error('no pod')
  return parsed
}

describe('one pod', () => {
  test.each([
    ['ready', podStatus.ready, { started: true, status: 'running', health: 'ready' }],
    ['succeeded', podStatus.succeeded, { started: true, status: 'succeeded', health: 'ready' }],
    [
      'evicted',
      podStatus.evicted,
      { started: false, status: 'Failed', health: 'not_ready', reason: 'Evicted' },
    ],
    ['of unknown phase', { phase: 'Unknown' }, { started: false, status: 'Unknown', health: 'not_ready' }],
    [
      'without its image',
      podStatus.imageBackOff,
      { started: false, status: 'ImagePullBackOff', health: 'image_error', reason: 'ImagePullBackOff' },
    ],
    ['with ErrImagePull', waiting('ErrImagePull'), { status: 'ErrImagePull', health: 'image_error' }],
    ['with a bad image', waiting('InvalidImageName'), { status: 'InvalidImageName', health: 'image_error' }],
  ])('that is %s ends the wait', (_what, status, answer) => {
    expect(podState([pod(status)])).toMatchObject({ kind: 'over', answer })
  })

  test.each([
    ['pulling', podStatus.scheduled],
    ['pulling', podStatus.creating],
    ['pulling', waiting('PodInitializing')],
    ['pulling', {}],
    ['unschedulable', podStatus.unschedulable],
    ['pulled', podStatus.crashLoop],
    ['pulled', waiting('CreateContainerConfigError')],
    ['pulled', podStatus.runningUnready],
    ['pulled', podStatus.terminated],
  ])('is %s with %j (W29)', (stage, status) => {
    expect(podState([pod(status)])).toMatchObject({ kind: 'waiting', stage })
  })

  test('tells the reason of whoever has one', () => {
    expect(podState([pod(podStatus.crashLoop)])).toMatchObject({
      reason: 'CrashLoopBackOff',
      message: 'back-off 10s restarting failed container=app',
    })
    expect(podState([pod(podStatus.unschedulable)])).toMatchObject({
      reason: 'Unschedulable',
      message: '0/1 nodes are available: 1 Insufficient memory.',
    })
    expect(podState([pod(podStatus.runningUnready)])).toMatchObject({ reason: 'ContainersNotReady' })
    expect(podState([pod(podStatus.ready)])).toMatchObject({ answer: { reason: null, message: null } })
  })

  test('is judged by the container of the app, whatever a mesh adds', () => {
    const sidecar = { name: 'a-proxy', state: { running: {} } }
    const app = { name: 'app', state: { waiting: { reason: 'ImagePullBackOff', message: 'no' } } }

    expect(podState([pod({ phase: 'Pending', containerStatuses: [sidecar, app] })])).toMatchObject({
      answer: { health: 'image_error' },
    })
  })
})

test('without a pod there is nothing yet', () => {
  expect(podState([])).toMatchObject({ kind: 'waiting', stage: 'absent', phase: 'unknown' })
})

test('a pod on its way out says nothing of the start', () => {
  expect(podState([pod(podStatus.ready, { isLeaving: true })])).toMatchObject({ stage: 'absent' })
})

test('the newest pod counts, not the evicted one that it replaces', () => {
  const evicted = pod(podStatus.evicted, { createdAt: '2026-01-01T00:00:00Z' })
  const newer = pod(podStatus.ready, { createdAt: '2026-01-01T00:00:05Z' })

  expect(podState([evicted, newer])).toMatchObject({ answer: { started: true } })
})
