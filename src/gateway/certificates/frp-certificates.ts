import tls from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { gatewayError, gatewayErrors } from '../errors.ts'
import { dayMs, expiriesOf, judgeExpiry, type CertificateExpiry } from './expiry.ts'
import { FrpDirectory } from './frp-directory.ts'
import { attempt, type FrpFiles } from './frp-files.ts'
import { misfitsOf } from './misfits.ts'
import { makeMissing } from './missing-files.ts'
import { renewServer } from './server-renewal.ts'

/** What the TLS server of the tunnels needs; certificates and key are PEM. */
export interface FrpBundle {
  readonly cert: string
  readonly key: string
  /** Every CA whose client certificates are accepted: two during a roll-over. */
  readonly ca: readonly string[]
  readonly validTo: Date
}

/** What an app or engine needs in its /certs/frp. */
export interface FrpClientFiles {
  readonly 'ca.crt': string
  readonly 'client.crt': string
  readonly 'client.key': string
}

export interface FrpCertificatesOptions {
  readonly certsDir: string
  /** false (HP_FRP_DISABLE_TLS): nothing is read and nothing is made. */
  readonly tls: boolean
  readonly validityDays: number
  readonly clock: Clock
  readonly log: Logger
  /** There is a bundle for the first time, or another one: connections from now on use it. */
  readonly onChange: (bundle: FrpBundle, before: FrpBundle | null) => void
}

const pollMs = 2_000
const checkEveryMs = 3_600_000

/**
 * The certificates of the tunnels: makes what is missing, renews the server's own, warns before anything ends, and notices
 * changed files within seconds. What cannot be used is named in the log, and the last good bundle stays.
 */
export class FrpCertificates {
  readonly #options: FrpCertificatesOptions
  readonly #directory: FrpDirectory
  #files: FrpFiles | null = null
  #bundle: FrpBundle | null = null
  #expiries: readonly CertificateExpiry[] = []
  #timer: NodeJS.Timeout | undefined
  #rejected: FrpFiles | null = null
  #lastProblem = ''
  #checkedAt = -Infinity
  #warnedAt = -Infinity
  #isRenewing = false

  constructor(options: FrpCertificatesOptions) {
    this.#options = options
    this.#directory = new FrpDirectory(options.certsDir)
  }

  /** null before `start`, and without TLS. */
  get bundle(): FrpBundle | null {
    return this.#bundle
  }

  /** Rejects with a HarpError that names the file if the server has no usable certificate. */
  async start(): Promise<void> {
    const { tls: isOn, clock } = this.#options
    if (!isOn) return
    this.#directory.make(clock.wall())
    await this.#make('server')
    try {
      await this.#make('client')
    } catch (error) {
      // NOTE: the tunnels that there are do not need it; `clientFiles` throws the same to those who do.
      this.#options.log.error(problemFields(error), 'no tunnel certificate for new apps and engines')
    }
    this.#adopt(this.#directory.read())
    await this.#check()
    this.#timer = setInterval(() => this.#poll(), pollMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** SIGHUP: reads the files now. */
  reload(): void {
    if (this.#files === null) return
    const files = this.#directory.read()
    if (this.#files?.equals(files) === true) return
    try {
      this.#adopt(files)
    } catch (error) {
      this.#reject(error)
    }
  }

  /** For a new app or engine. null: without TLS there are none. Throws a HarpError if they cannot be used. */
  clientFiles(): FrpClientFiles | null {
    if (!this.#options.tls) return null
    const files = this.#directory.read()
    const client = files.pair('client')
    if (client.authority === null) {
      const what = `${files.pathOf('client.crt')} does not verify under ca.crt: the gateway would refuse it`
      throw gatewayError('FRP_CERT_MISMATCH', what)
    }
    return { 'ca.crt': files.text('ca.crt'), 'client.crt': client.pem, 'client.key': client.key }
  }

  /** Of the files in use, for metrics. */
  expiries(): readonly CertificateExpiry[] {
    return this.#expiries
  }

  async #make(part: 'server' | 'client'): Promise<void> {
    const { clock, validityDays, log } = this.#options
    const onMade = (path: string): void => log.info({ path }, 'tunnel certificate file made')
    await makeMissing(part, { directory: this.#directory, clock, validityDays, onMade })
  }

  #poll(): void {
    const files = this.#directory.read()
    if (this.#files?.equals(files) === true) {
      this.#lastProblem = ''
    } else {
      try {
        this.#adopt(files)
      } catch (error) {
        // Somebody may be in the middle of copying several files: a complaint needs two equal looks.
        if (this.#rejected?.equals(files) === true) this.#reject(error)
        this.#rejected = files
      }
    }
    if (this.#options.clock.monotonic() - this.#checkedAt < checkEveryMs || this.#isRenewing) return
    void this.#check()
  }

  #adopt(files: FrpFiles): void {
    const server = files.pair('server')
    const authorities = files.certificates('ca.crt')
    const bundle: FrpBundle = {
      cert: server.pem,
      key: server.key,
      ca: authorities.map((each) => each.toString()),
      validTo: server.certificate.validToDate,
    }
    try {
      tls.createSecureContext({ cert: bundle.cert, key: bundle.key, ca: [...bundle.ca] })
    } catch (error) {
      const what = `${files.pathOf('server.crt')} cannot be used for TLS: ${errorMessage(error)}`
      throw gatewayError('FRP_CERT_UNUSABLE', what, { cause: error })
    }
    this.#files = files
    this.#expiries = expiriesOf(files)
    this.#rejected = null
    this.#lastProblem = ''
    this.#warnOfMismatches(files)
    const before = this.#bundle
    if (before !== null && isSame(before, bundle)) return
    this.#bundle = bundle
    this.#options.onChange(bundle, before)
  }

  #warnOfMismatches(files: FrpFiles): void {
    const warn = ({ code, message, fix }: HarpError): void => {
      this.#options.log.warn({ code, problem: message, fix }, 'tunnel certificates do not fit')
    }
    for (const each of misfitsOf(files)) warn(each)
    if (!files.has('ca.key')) return
    const issuer = attempt(() => files.issuer())
    if (issuer instanceof HarpError) {
      warn(gatewayError('FRP_CERT_MISMATCH', `nothing can be renewed: ${issuer.message}`))
    }
  }

  /** Says each problem once, not at every poll. */
  #reject(error: unknown): void {
    const problem = errorMessage(error)
    if (problem === this.#lastProblem) return
    this.#lastProblem = problem
    const next = 'the last good certificates stay in use'
    this.#options.log.error({ ...problemFields(error), next }, 'tunnel certificates unusable')
  }

  async #check(): Promise<void> {
    const { clock, log, validityDays } = this.#options
    if (this.#files === null) return
    this.#checkedAt = clock.monotonic()
    this.#isRenewing = true
    try {
      const directory = this.#directory
      if (await renewServer(this.#files, { directory, now: clock.wall(), validityDays })) {
        log.info({ path: directory.pathOf('server.crt') }, 'server certificate of the tunnels renewed')
        this.reload()
      }
    } catch (error) {
      log.error(problemFields(error), 'server certificate of the tunnels not renewed')
    }
    this.#isRenewing = false
    if (clock.monotonic() - this.#warnedAt >= dayMs) this.#warnOfExpiry()
  }

  #warnOfExpiry(): void {
    const { clock, log } = this.#options
    this.#warnedAt = clock.monotonic()
    for (const expiry of this.#expiries) {
      const { certificate, status, detail: problem, fix } = judgeExpiry(expiry, clock.wall())
      const fields = { certificate, validTo: expiry.validTo.toISOString(), problem, fix }
      if (status === 'fail') {
        log.error({ code: 'FRP_CERT_EXPIRED', ...fields }, 'tunnel certificate has expired')
      }
      if (status === 'warn') {
        log.warn({ code: 'FRP_CERT_EXPIRES', ...fields }, 'tunnel certificate expires soon')
      }
    }
  }
}

function isSame(one: FrpBundle, other: FrpBundle): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca.join('') === other.ca.join('')
}

function problemFields(error: unknown): object {
  const fix = error instanceof HarpError ? error.fix : gatewayErrors.FRP_CERT_UNUSABLE.fix
  return { code: errorCode(error), problem: errorMessage(error), fix }
}
