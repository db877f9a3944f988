import type { Counter, Metrics } from '../../base/metrics.ts'
import { loginRefusals, type LoginRefusal } from './login-judge.ts'

/** What happens to tunnels, counted. */
export class TunnelEvents {
  readonly #logins = new Map<string, Counter>()
  readonly #refusedProxies: Counter
  readonly #failedDials: Counter

  constructor(metrics: Metrics) {
    for (const result of ['admitted', ...loginRefusals]) {
      this.#logins.set(
        result,
        metrics.counter('harp_tunnel_logins_total', 'Logins of tunnel clients, by result.', { result }),
      )
    }
    this.#refusedProxies = metrics.counter(
      'harp_tunnel_proxies_refused_total',
      'Ports or names that were refused to a logged-in client.',
    )
    this.#failedDials = metrics.counter(
      'harp_tunnel_dial_failures_total',
      'Requests for which a tunnel had no connection in time.',
    )
  }

  login(result: 'admitted' | LoginRefusal): void {
    this.#logins.get(result)?.add(1)
  }

  proxyRefused(): void {
    this.#refusedProxies.add(1)
  }

  dialFailed(): void {
    this.#failedDials.add(1)
  }
}
