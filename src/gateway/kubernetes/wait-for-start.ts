import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import type { Cluster } from './cluster.ts'
import { kubernetesProblem } from './errors.ts'
import type { Pod } from './objects.ts'
import { podState, shortText, type WaitAnswer, type WaitStage } from './pod-state.ts'

export interface WaitOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  /** The Deployment. */
  readonly name: string
  /** The client went away. */
  readonly signal: AbortSignal
  /** Called once the answer is sure to be an answer of this route, however long it takes. */
  readonly keepOpen: () => void
  readonly limits?: Partial<WaitLimits>
}

export interface WaitLimits {
  readonly pollMs: number
  /** Until the image is there. */
  readonly pullMs: number
  /** From then on until the app is ready. */
  readonly startMs: number
  /** For a node with room: longer than the 15 minutes that cluster autoscalers try for one. */
  readonly scheduleMs: number
  /** How long a failing API server is put up with once it has answered. */
  readonly outageMs: number
  /** How long a Deployment may fail to make its pod; quotas get free. */
  readonly podCreationMs: number
}

const defaultLimits: WaitLimits = {
  pollMs: 1_000,
  pullMs: 3_600_000,
  startMs: 90_000,
  scheduleMs: 1_200_000,
  outageMs: 30_000,
  podCreationMs: 30_000,
}
/** Without a pod, every so many polls the Deployment is asked why. */
const pollsPerInquiry = 10

/** Polls the Deployment's pod until it runs or will not. Rejects where its first question is refused, or on `signal`. */
export async function waitForStart(options: WaitOptions): Promise<WaitAnswer> {
  const { cluster, name, signal } = options
  const pods = await cluster.pods(name, signal)
  options.keepOpen()
  return new StartWait(options).run(pods)
}

class StartWait {
  readonly #options: WaitOptions
  readonly #limits: WaitLimits
  readonly #now: () => number
  readonly #since: Record<'start' | 'answer', number>
  #stageSince: { readonly stage: WaitStage; readonly at: number }
  #pulledAt: number | null = null
  #podlessPolls = 0

  constructor(options: WaitOptions) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#now = () => options.clock.monotonic()
    const now = this.#now()
    this.#since = { start: now, answer: now }
    this.#stageSince = { stage: 'pulling', at: now }
  }

  async run(first: readonly Pod[]): Promise<WaitAnswer> {
    const { signal } = this.#options
    let pods: readonly Pod[] | WaitAnswer = first
    for (;;) {
      if (!isList(pods)) return pods
      const answer = (await this.#judge(pods)) ?? null
      if (answer !== null) return answer
      await pause(this.#limits.pollMs, undefined, { signal })
      pods = await this.#list(pods)
    }
  }

  async #judge(pods: readonly Pod[]): Promise<WaitAnswer | null> {
    const state = podState(pods)
    if (state.kind === 'over') return state.answer
    const now = this.#now()
    if (state.stage !== this.#stageSince.stage) this.#stageSince = { stage: state.stage, at: now }
    if (state.stage === 'pulled') this.#pulledAt ??= now
    if (state.stage === 'absent') {
      const hopeless = await this.#inquire()
      if (hopeless !== null) return hopeless
    }
    if (!this.#isOver(now)) return null
    const { phase, reason, message } = state
    return { started: false, status: phase, health: 'timeout', reason, message }
  }

  #isOver(now: number): boolean {
    const { pullMs, startMs, scheduleMs } = this.#limits
    if (this.#pulledAt !== null) return now - this.#pulledAt >= startMs
    if (now - this.#since.start >= pullMs) return true
    return this.#stageSince.stage === 'unschedulable' && now - this.#stageSince.at >= scheduleMs
  }

  /** Why there is no pod: the Deployment is gone, or is not allowed to make one. */
  async #inquire(): Promise<WaitAnswer | null> {
    if (this.#podlessPolls++ % pollsPerInquiry !== 0) return null
    const { cluster, name, signal } = this.#options
    try {
      const found = await cluster.deployment(name, signal)
      if (found === null) {
        const message = `Deployment '${name}' not found.`
        return { started: false, status: 'not_found', health: 'not_ready', reason: 'NotFound', message }
      }
      const failure = found.status.conditions.find(
        ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
      )
      if (failure === undefined || this.#now() - this.#stageSince.at < this.#limits.podCreationMs) return null
      const { reason, message } = failure
      return { started: false, status: 'failed', health: 'not_ready', reason, message: shortText(message) }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof HarpError) return null
      throw error
    }
  }

  /** The pods now; during an outage those of before, until it is too long. */
  async #list(before: readonly Pod[]): Promise<readonly Pod[] | WaitAnswer> {
    const { cluster, name, signal } = this.#options
    try {
      const pods = await cluster.pods(name, signal)
      this.#since.answer = this.#now()
      return pods
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof HarpError)) throw error
      if (this.#now() - this.#since.answer < this.#limits.outageMs) return before
      const message = shortText(kubernetesProblem(error))
      return { started: false, status: 'unknown', health: 'error', reason: error.code, message }
    }
  }
}

function isList(found: readonly Pod[] | WaitAnswer): found is readonly Pod[] {
  return Array.isArray(found)
}
