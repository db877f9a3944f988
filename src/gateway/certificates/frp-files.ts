/**
 * What is in `$HARP_CERTS_DIR/frp` at one moment, and what belongs to what. Pure: reads texts, changes nothing. Throws
 * HarpErrors that name the file.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { errorMessage, HarpError } from '../../base/errors.ts'
import { gatewayError } from '../errors.ts'
import type { Issuer } from './issue.ts'

/** `-next`: the private key of a certificate that is about to take its place, or took it a moment ago. */
export const frpFileNames = [
  'ca.crt',
  'ca.key',
  'ca-next.key',
  'server.crt',
  'server.key',
  'server-next.key',
  'client.crt',
  'client.key',
  'client-next.key',
] as const

export type FrpFileName = (typeof frpFileNames)[number]
export type FrpPart = 'ca' | 'server' | 'client'

export class Unreadable {
  readonly problem: string

  constructor(problem: string) {
    this.problem = problem
  }
}

/** null: there is no such file. */
export type FrpFileContent = string | Unreadable | null

export interface Pair {
  /** The whole file: the leaf, and what an operator has put behind it. */
  readonly pem: string
  readonly certificate: X509Certificate
  /** PEM */
  readonly key: string
  /** In ca.crt, by signature; null: it does not verify. */
  readonly authority: X509Certificate | null
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const maxChain = 5

export class FrpFiles {
  readonly #directory: string
  readonly #contents: ReadonlyMap<FrpFileName, FrpFileContent>

  constructor(directory: string, contents: ReadonlyMap<FrpFileName, FrpFileContent>) {
    this.#directory = directory
    this.#contents = contents
  }

  pathOf(name: FrpFileName): string {
    return `${this.#directory}/${name}`
  }

  has(name: FrpFileName): boolean {
    return (this.#contents.get(name) ?? null) !== null
  }

  /** None of them is there: no gateway has made any yet. */
  get isEmpty(): boolean {
    return frpFileNames.every((name) => !this.has(name))
  }

  text(name: FrpFileName): string {
    const content = this.#contents.get(name) ?? null
    if (content === null) throw gatewayError('FRP_CERT_MISSING', `${this.pathOf(name)} is missing`)
    if (content instanceof Unreadable) throw this.#unusable(name, content.problem)
    return content
  }

  equals(other: FrpFiles): boolean {
    return frpFileNames.every((name) => flat(this.#contents.get(name)) === flat(other.#contents.get(name)))
  }

  /** At least one, in the order of the file. */
  certificates(name: FrpFileName): readonly [X509Certificate, ...X509Certificate[]] {
    const texts = this.text(name).match(certificatePattern) ?? []
    try {
      const [first, ...others] = texts.map((each) => new X509Certificate(each))
      if (first !== undefined) return [first, ...others]
    } catch (error) {
      throw this.#unusable(name, `has a certificate that cannot be read: ${errorMessage(error)}`)
    }
    throw this.#unusable(name, 'is not a certificate in PEM form')
  }

  key(name: FrpFileName): KeyObject {
    const text = this.text(name)
    try {
      return createPrivateKey(text)
    } catch (error) {
      throw this.#unusable(
        name,
        `is not a private key in PEM form without passphrase: ${errorMessage(error)}`,
      )
    }
  }

  /** The file that holds the private key of this certificate: `server.key`, or `server-next.key` at times. */
  keyFileOf(part: FrpPart, certificate: X509Certificate): FrpFileName {
    const next: FrpFileName = `${part}-next.key`
    if (this.has(next) && certificate.checkPrivateKey(this.key(next))) return next
    if (certificate.checkPrivateKey(this.key(`${part}.key`))) return `${part}.key`
    const what = `${this.pathOf(`${part}.key`)} is not the private key of ${this.pathOf(`${part}.crt`)}`
    throw gatewayError('FRP_CERT_MISMATCH', what)
  }

  /** The CA that signs from now on: the one whose private key is here. */
  issuer(): Issuer {
    const authorities = this.certificates('ca.crt')
    for (const name of ['ca-next.key', 'ca.key'] as const) {
      if (name === 'ca-next.key' && !this.has(name)) continue
      const key = this.key(name)
      const certificate = authorities.find((each) => each.checkPrivateKey(key))
      if (certificate !== undefined) return { certificate, key }
    }
    const what = `${this.pathOf('ca.key')} is not the private key of a certificate in ca.crt`
    throw gatewayError('FRP_CERT_MISMATCH', what)
  }

  pair(part: 'server' | 'client'): Pair {
    const name: FrpFileName = `${part}.crt`
    const [certificate, ...intermediates] = this.certificates(name)
    return {
      pem: this.text(name),
      certificate,
      key: this.text(this.keyFileOf(part, certificate)),
      authority: findAuthority(certificate, intermediates, this.certificates('ca.crt')),
    }
  }

  #unusable(name: FrpFileName, problem: string): HarpError {
    return gatewayError('FRP_CERT_UNUSABLE', `${this.pathOf(name)} ${problem}`)
  }
}

export function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

/** The result of what may throw a HarpError; other errors go on. */
export function attempt<Result>(work: () => Result): Result | HarpError {
  try {
    return work()
  } catch (error) {
    if (error instanceof HarpError) return error
    throw error
  }
}

function findAuthority(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): X509Certificate | null {
  let certificate = leaf
  for (let depth = 0; depth < maxChain; depth++) {
    const below = certificate
    const authority = authorities.find((each) => isIssuedBy(below, each))
    if (authority !== undefined) return authority
    const next = intermediates.find((each) => each !== below && isIssuedBy(below, each))
    if (next === undefined) return null
    certificate = next
  }
  return null
}

function flat(content: FrpFileContent | undefined): string | null {
  return content instanceof Unreadable ? content.problem : (content ?? null)
}
