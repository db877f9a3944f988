/** Sets of tunnel certificates in temporary directories, made by the gateway's own code. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/base/clock.ts'
import { createLogger } from '../../src/base/logger.ts'
import {
  FrpCertificates,
  type FrpBundle,
  type FrpCertificatesOptions,
} from '../../src/gateway/certificates/frp-certificates.ts'
import { FrpDirectory } from '../../src/gateway/certificates/frp-directory.ts'

/** File name to text. */
export type FrpSet = Readonly<Record<string, string>>

export const frpSetNames = [
  'ca.crt',
  'ca.key',
  'server.crt',
  'server.key',
  'client.crt',
  'client.key',
] as const

export type FrpSetName = (typeof frpSetNames)[number]

/** A clock that tests move. */
export class SetClock implements Clock {
  now: number
  #offset = 0

  constructor(now: number = Date.now()) {
    this.now = now
  }

  wall(): number {
    return this.now
  }

  monotonic(): number {
    return this.#offset
  }

  advance(ms: number): void {
    this.now += ms
    this.#offset += ms
  }
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly code?: string
  readonly problem?: string
  readonly [field: string]: unknown
}

/** `$HARP_CERTS_DIR` of one test. */
export class CertsDir {
  readonly path: string
  readonly directory: FrpDirectory
  readonly log: LogLine[] = []
  readonly bundles: FrpBundle[] = []

  constructor(set?: FrpSet) {
    this.path = mkdtempSync(join(tmpdir(), 'harp-certs-'))
    this.directory = new FrpDirectory(this.path)
    if (set !== undefined) this.write(set)
  }

  get frp(): string {
    return join(this.path, 'frp')
  }

  write(set: FrpSet): void {
    mkdirSync(this.frp, { recursive: true })
    for (const [name, text] of Object.entries(set)) writeFileSync(join(this.frp, name), text)
  }

  remove(...names: readonly string[]): void {
    for (const name of names) rmSync(join(this.frp, name))
  }

  /** The files, without the directories of kept ones. */
  read(): FrpSet {
    const names = readdirSync(this.frp).filter((name) => statSync(join(this.frp, name)).isFile())
    return Object.fromEntries(
      names.toSorted().map((name) => [name, readFileSync(join(this.frp, name), 'utf8')]),
    )
  }

  kept(): string[] {
    return readdirSync(this.frp).filter((name) => name.startsWith('old-'))
  }

  certificates(options: Partial<FrpCertificatesOptions> = {}): FrpCertificates {
    const write = (line: string): void => void this.log.push(JSON.parse(line) as LogLine)
    return new FrpCertificates({
      certsDir: this.path,
      tls: true,
      validityDays: 5000,
      clock: new SetClock(),
      log: createLogger('debug', { write }),
      onChange: (bundle) => this.bundles.push(bundle),
      ...options,
    })
  }

  problems(): LogLine[] {
    return this.log.filter(({ level }) => level === 'warn' || level === 'error')
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A complete set, as a first start makes it. */
export async function makeFrpSet(options: Partial<FrpCertificatesOptions> = {}): Promise<FrpSet> {
  using place = new CertsDir()
  const certificates = place.certificates(options)
  await certificates.start()
  certificates.stop()
  return place.read()
}

export function pick(set: FrpSet, ...names: readonly string[]): FrpSet {
  return Object.fromEntries(names.map((name) => [name, set[name] ?? '']))
}
