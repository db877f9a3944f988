import { X509Certificate } from 'node:crypto'
import { renameSync } from 'node:fs'
import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { isIssuedBy } from './frp-files.ts'
import {
  holderFilePath,
  maxHolders,
  readHolderFile,
  writeHolderFile,
  type CertificateHolder,
} from './holder-file.ts'

export interface HeldCertificate {
  /** SHA-256, capital hex with colons, as Node gives it. */
  readonly fingerprint256: string
  readonly serialNumber: string
  readonly validTo: Date
  /** Of the CA that signed it; without it, whoever does not have the current client.crt counts as having an old one. */
  readonly issuerFingerprint?: string | null
}

export interface HolderSighting {
  /** Of the proxy: an app's id, or what an engine is called. */
  readonly name: string
  readonly port: number
  readonly address: string
  readonly certificate: HeldCertificate
}

export interface CertificateHoldersOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Logger
}

/** A renewal asks the file who has old certificates: whoever has just connected must be in it soon. */
const writeDelayMs = 500
const maxNameCharacters = 256
const maxAddressCharacters = 64

/**
 * Who has which client certificate, so that a renewal can say who still needs the new files. Kept in the state directory,
 * written soon after a change; where that fails, it is said once and everything else goes on.
 */
export class CertificateHolders {
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #holders: BoundedMap<string, CertificateHolder>
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #isStopped = false
  #lastProblem = ''

  constructor(options: CertificateHoldersOptions) {
    this.#path = holderFilePath(options.stateDir)
    this.#clock = options.clock
    this.#log = options.log
    this.#holders = new BoundedMap({ maxEntries: maxHolders, now: () => 0 })
  }

  /** A file that cannot be understood is kept beside, and a new one begins. */
  start(): void {
    try {
      for (const holder of readHolderFile(this.#path)) this.#holders.set(holder.name, holder)
    } catch (error) {
      const problem = errorMessage(error)
      const keptAs = `${this.#path}.damaged`
      try {
        renameSync(this.#path, keptAs)
        this.#log.warn({ code: errorCode(error), problem, keptAs }, 'list of certificate holders begins anew')
      } catch (renaming) {
        this.#say({ code: errorCode(renaming), problem: `${problem}; ${errorMessage(renaming)}` })
      }
    }
  }

  /** At every login, when its session ends, and once a day between: `lastSeen` decides whether a renewal waits for it. */
  record(sighting: HolderSighting): void {
    const name = printable(sighting.name).slice(0, maxNameCharacters)
    const { fingerprint256, serialNumber, validTo, issuerFingerprint = null } = sighting.certificate
    this.#holders.set(name, {
      name,
      port: sighting.port,
      address: printable(sighting.address).slice(0, maxAddressCharacters),
      lastSeen: new Date(this.#clock.wall()).toISOString(),
      certificate: { fingerprint256, serialNumber, validTo: validTo.toISOString(), issuerFingerprint },
    })
    if (this.#isStopped) return
    this.#timer ??= setTimeout(() => this.#write(), writeDelayMs).unref()
  }

  /** Those of all tunnels that a holder ever opened. */
  get ports(): readonly number[] {
    return [...this.#holders.entries()].map(([, { port }]) => port)
  }

  /** Writes what is not written yet. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== undefined) this.#write()
    await this.#writing
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(async () => {
      const holders = [...this.#holders.entries()].map(([, holder]) => holder)
      try {
        await writeHolderFile(this.#path, holders)
        this.#lastProblem = ''
      } catch (error) {
        this.#say({ code: 'STATE_DIR_UNUSABLE', problem: errorMessage(error) })
      }
    })
  }

  #say(fields: { readonly code: string; readonly problem: string }): void {
    if (fields.problem === this.#lastProblem) return
    this.#lastProblem = fields.problem
    this.#log.warn(fields, 'list of certificate holders not kept')
  }
}

/** What a client showed in its handshake, and which of our CAs signed it. */
export function heldCertificate(
  certificate: X509Certificate,
  authorities: readonly string[],
): HeldCertificate {
  const { fingerprint256, serialNumber, validToDate: validTo } = certificate
  const issuer = authorities
    .map((pem) => new X509Certificate(pem))
    .find((authority) => isIssuedBy(certificate, authority))
  return { fingerprint256, serialNumber, validTo, issuerFingerprint: issuer?.fingerprint256 ?? null }
}

/** A name comes from the network and is shown in terminals. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?')
}
