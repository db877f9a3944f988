import type { Clock } from '../../base/clock.ts'
import type { Deadline } from '../../base/deadlines.ts'
import type { Logger } from '../../base/logger.ts'
import { gatewayErrors } from '../errors.ts'
import type { NewProxyResp, OutgoingMessage } from '../frp/messages.ts'
import type { ProxyConfig } from './tunnel-config.ts'
import { proxyRetryDelay } from './reconnect-policy.ts'

export interface ProxyRegistrationOptions {
  readonly proxy: ProxyConfig
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly send: (message: OutgoingMessage) => void
}

const answerTimeoutMs = 20_000

/**
 * One proxy of one session: asked for until the server grants it. A refusal is mostly a port or a name that an older
 * session still holds, so it is soon tried again; frpc waits 30 s.
 */
export class ProxyRegistration implements Deadline {
  readonly #options: ProxyRegistrationOptions
  #state: 'asked' | 'ready' | 'refused' = 'refused'
  #refusals = 0
  #problem = ''
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(options: ProxyRegistrationOptions) {
    this.#options = options
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  ask(): void {
    const { proxy, send, clock } = this.#options
    this.#state = 'asked'
    this.deadlineAt = clock.monotonic() + answerTimeoutMs
    send({
      kind: 'NewProxy',
      proxyName: proxy.name,
      proxyType: 'tcp',
      remotePort: proxy.remotePort,
      useEncryption: proxy.useEncryption,
      metas: proxy.metadatas,
      annotations: proxy.annotations,
    })
  }

  onAnswer(answer: NewProxyResp): void {
    if (this.#state !== 'asked') return
    if (answer.error !== '') {
      this.#onRefused(answer.error)
      return
    }
    const { proxy, log } = this.#options
    this.#state = 'ready'
    this.#refusals = 0
    this.#problem = ''
    this.deadlineAt = Number.POSITIVE_INFINITY
    log.info({ proxy: proxy.name, remote: answer.remoteAddr }, 'proxy ready')
  }

  onDeadline(): void {
    if (this.#state === 'asked') {
      // The server may have granted it after all, so it starts from nothing again.
      this.close()
      this.#onRefused(`no answer within ${answerTimeoutMs / 1_000} s`)
    } else {
      this.ask()
    }
  }

  /** Tells the server; there is no answer. */
  close(): void {
    this.#options.send({ kind: 'CloseProxy', proxyName: this.#options.proxy.name })
  }

  #onRefused(problem: string): void {
    const { proxy, clock, random, log } = this.#options
    this.#state = 'refused'
    this.#refusals += 1
    this.deadlineAt = clock.monotonic() + proxyRetryDelay(this.#refusals, random)
    if (problem === this.#problem) return
    this.#problem = problem
    log.warn(
      {
        code: 'TUNNEL_CLIENT_PROXY_REFUSED',
        proxy: proxy.name,
        remotePort: proxy.remotePort,
        problem,
        fix: gatewayErrors.TUNNEL_CLIENT_PROXY_REFUSED.fix,
      },
      'proxy refused',
    )
  }
}
