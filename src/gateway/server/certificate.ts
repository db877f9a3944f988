import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'

/** Leaf, chain and private key in one PEM text, as an operator puts them into cert.pem. */
export interface CertificateBundle {
  readonly pem: string
  readonly validTo: Date
}

export interface CertificateFileOptions {
  readonly certsDir: string
  readonly log: Logger
  /** A usable certificate is there for the first time, or changed. */
  readonly onChange: (bundle: CertificateBundle) => void
}

const pollMs = 2_000
const warnDays = 30
const dayMs = 86_400_000

/**
 * Reads cert.pem every two seconds: it may appear, change and expire while the gateway runs. What cannot be used is named
 * in the log and the last good one stays.
 */
export class CertificateFile {
  readonly #options: CertificateFileOptions
  readonly path: string
  #current: CertificateBundle | null = null
  #timer: NodeJS.Timeout | undefined
  #lastProblem = ''

  constructor(options: CertificateFileOptions) {
    this.#options = options
    this.path = join(options.certsDir, 'cert.pem')
  }

  get current(): CertificateBundle | null {
    return this.#current
  }

  start(): void {
    this.reload()
    // NOTE: read again and again, not fs.watch: the file may not exist yet and often is a symbolic link in a volume.
    this.#timer = setInterval(() => this.reload(), pollMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  reload(): void {
    try {
      const pem = readFileSync(this.path, 'utf8')
      if (pem === this.#current?.pem) {
        this.#lastProblem = ''
        return
      }
      tls.createSecureContext({ cert: pem, key: pem })
      const bundle = { pem, validTo: new Date(new X509Certificate(pem).validTo) }
      this.#warnOfExpiry(bundle)
      this.#current = bundle
      this.#lastProblem = ''
      this.#options.onChange(bundle)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || this.#current !== null) this.#onUnusable(errorMessage(error))
    }
  }

  /** Says each problem once, not at every poll. */
  #onUnusable(problem: string): void {
    if (problem === this.#lastProblem) return
    this.#lastProblem = problem
    const next = this.#current === null ? 'HTTPS stays closed' : 'the last good certificate stays in use'
    this.#options.log.error(
      { code: 'CERT_UNREADABLE', path: this.path, problem, next },
      'certificate unusable',
    )
  }

  #warnOfExpiry(bundle: CertificateBundle): void {
    const days = Math.floor((bundle.validTo.getTime() - Date.now()) / dayMs)
    const fields = { path: this.path, validTo: bundle.validTo.toISOString() }
    if (days < 0) this.#options.log.error({ ...fields, code: 'CERT_EXPIRED' }, 'certificate has expired')
    else if (days < warnDays) this.#options.log.warn({ ...fields, days }, 'certificate expires soon')
  }
}
