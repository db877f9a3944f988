import { setTimeout as sleep } from 'node:timers/promises'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import type { CertificateBundle } from './certificate.ts'
import { Listener, type ConnectionLimits, type ListenerOptions } from './listener.ts'

export interface ListenersOptions {
  readonly http: HostPort
  readonly https: HostPort
  readonly log: Logger
  readonly limits: ConnectionLimits
  readonly context: Omit<ListenerOptions, 'name' | 'address' | 'limits' | 'isDraining'>
}

const drainPollMs = 50

/** The HTTP listener from the start, the HTTPS one from the moment a certificate exists. */
export class Listeners {
  readonly #options: ListenersOptions
  readonly #http: Listener
  #https: Listener | null = null
  #pendingHttps: Listener | null = null
  #certificate: CertificateBundle | null = null
  #httpsProblem = ''
  #opening: Promise<void> = Promise.resolve()
  #isDraining = false
  #address: HostPort

  constructor(options: ListenersOptions) {
    this.#options = options
    this.#address = options.http
    this.#http = new Listener(this.#listenerOptions('HP_EXAPPS_ADDRESS', options.http), null)
  }

  get httpAddress(): HostPort {
    return this.#address
  }

  get openConnections(): number {
    return this.#http.openConnections + (this.#https?.openConnections ?? 0)
  }

  get #busyConnections(): number {
    return this.#http.busyConnections + (this.#https?.busyConnections ?? 0)
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  get isHttpsOpen(): boolean {
    return this.#https !== null
  }

  async start(): Promise<void> {
    this.#address = await this.#http.listen()
  }

  /** Rejects where the HTTPS listener that was just asked for could not open. */
  async settled(): Promise<void> {
    await this.#opening
  }

  /** Opens HTTPS with the first certificate, renews it with later ones. */
  useCertificate(certificate: CertificateBundle): void {
    this.#certificate = certificate
    const listener = this.#https ?? this.#pendingHttps
    if (listener === null) {
      this.#openHttps(certificate)
      return
    }
    listener.setCertificate(certificate)
    this.#options.log.info({ validTo: certificate.validTo.toISOString() }, 'certificate replaced')
  }

  /** Tries again to open an HTTPS listener that could not open while the gateway ran, for example on a busy port. */
  retryHttps(): void {
    if (this.#certificate === null || this.#https !== null || this.#pendingHttps !== null) return
    if (!this.#isDraining) this.#openHttps(this.#certificate)
  }

  #openHttps(certificate: CertificateBundle): void {
    const { https, log } = this.#options
    const listener = new Listener(this.#listenerOptions('HP_EXAPPS_HTTPS_ADDRESS', https), certificate)
    this.#pendingHttps = listener
    const opening = listener.listen().then(
      (address) => {
        this.#pendingHttps = null
        this.#https = listener
        if (this.#isDraining) listener.destroy()
        else log.info({ https: formatHostPort(address) }, 'HTTPS opened')
      },
      (error: unknown) => {
        this.#pendingHttps = null
        const problem = errorMessage(error)
        if (problem !== this.#httpsProblem) log.error({ problem }, 'HTTPS could not open')
        this.#httpsProblem = problem
        throw error
      },
    )
    this.#opening = opening
    // Heard by `settled` at the start; later the log says it and `retryHttps` goes on.
    opening.catch(() => {})
  }

  /** Stops accepting, waits until the last request is answered or the time is up, then cuts the rest. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true
    this.#http.drain()
    this.#https?.drain()
    const deadline = performance.now() + timeoutMs
    while (this.#busyConnections > 0 && performance.now() < deadline) await sleep(drainPollMs)
    this.destroy()
  }

  destroy(): void {
    this.#http.destroy()
    this.#https?.destroy()
    this.#pendingHttps?.destroy()
  }

  #listenerOptions(name: string, address: HostPort): ListenerOptions {
    const { context, limits } = this.#options
    return { ...context, name, address, limits, isDraining: () => this.#isDraining }
  }
}
