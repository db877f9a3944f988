import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { Secret } from '../../base/secret.ts'
import { gatewayError } from '../errors.ts'
import { readTokenFile, tokenFilePath, writeTokenFile } from './token-file.ts'
import {
  hashOfToken,
  isTokenText,
  makeTokenText,
  toEntry,
  toGrant,
  type TokenEntry,
  type TokenGrant,
  type TokenRecord,
  type TokenRequest,
} from './token-record.ts'

export type { TokenGrant } from './token-record.ts'

export interface TokenStoreOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Logger
  readonly maxTokens?: number
  /** When and by whom a token was used reaches the disk this late at most. */
  readonly saveUseMs?: number
}

export interface NewToken {
  readonly entry: TokenEntry
  /** Only here; it cannot be had again. */
  readonly text: Secret
}

const defaultMaxTokens = 10_000
const defaultSaveUseMs = 60_000

/**
 * Tunnel tokens of apps and engines, beside the shared key: in memory, and in `tokens.json`. The gateway is the only
 * writer. While the file cannot be used no token is accepted, the methods for operators throw TOKENS_UNUSABLE, and
 * the file stays as it is.
 */
export class TokenStore {
  readonly #path: string
  readonly #options: TokenStoreOptions
  readonly #byHash = new Map<string, TokenRecord>()
  readonly #hashById = new Map<string, string>()
  readonly #listeners = new Set<(revoked: TokenGrant) => void>()
  #problem: HarpError | null
  #lastWrite: Promise<void> = Promise.resolve()
  #hasUnsaved = false
  #saveTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: TokenStoreOptions) {
    this.#options = options
    this.#path = tokenFilePath(options.stateDir)
    this.#problem = gatewayError('TOKENS_UNUSABLE', `${this.#path} is not read yet`)
  }

  /** Call once, when no other gateway can have the state directory. Never rejects. */
  async load(): Promise<void> {
    try {
      for (const record of await readTokenFile(this.#path)) this.#put(record)
      this.#problem = null
    } catch (error) {
      if (error instanceof HarpError) this.#problem = error
      const { log } = this.#options
      log.error(
        { code: errorCode(error), problem: errorMessage(error), next: 'no tunnel token is accepted' },
        'tunnel tokens unavailable',
      )
    }
  }

  /** Oldest first. */
  list(): readonly TokenEntry[] {
    this.#assertUsable()
    return [...this.#byHash.values()].map(toEntry)
  }

  /** null: not a token, or not one of ours. */
  verify(text: string): TokenGrant | null {
    const record = isTokenText(text) ? this.#byHash.get(hashOfToken(text)) : undefined
    return record === undefined ? null : toGrant(record)
  }

  /** A login with this token succeeded. */
  recordUse(id: string, peer: string): void {
    const record = this.#find(id)
    if (record === undefined) return
    this.#put({ ...record, lastUsedAt: this.#now(), lastPeer: peer.slice(0, 64) })
    this.#hasUnsaved = true
    if (this.#isClosed) return
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = undefined
      void this.#saveQuietly()
    }, this.#options.saveUseMs ?? defaultSaveUseMs).unref()
  }

  /** On the disk when this resolves. Rejects with TOKENS_FULL, TOKENS_UNUSABLE or STATE_DIR_UNUSABLE; nothing is added then. */
  async add(request: TokenRequest): Promise<NewToken> {
    this.#assertUsable()
    const { maxTokens = defaultMaxTokens } = this.#options
    if (this.#byHash.size >= maxTokens) throw gatewayError('TOKENS_FULL', `there are ${maxTokens} tokens`)
    const text = makeTokenText(request.kind)
    const { kind, name, port } = request
    const record: TokenRecord = {
      id: this.#newId(),
      kind,
      name,
      port,
      hash: hashOfToken(text),
      createdAt: this.#now(),
      lastUsedAt: null,
      lastPeer: null,
    }
    this.#put(record)
    try {
      await this.#save()
    } catch (error) {
      this.#remove(record)
      throw this.#unwritable('the token is not made', error)
    }
    return { entry: toEntry(record), text: new Secret(text) }
  }

  /**
   * null: there is none. From this call on it is not accepted, and its tunnels are told; on the disk when this
   * resolves. Rejects with STATE_DIR_UNUSABLE where it may come back with a restart.
   */
  async revoke(id: string): Promise<TokenEntry | null> {
    this.#assertUsable()
    const record = this.#find(id)
    if (record === undefined) return null
    this.#remove(record)
    for (const listener of this.#listeners) this.#tell(listener, record)
    try {
      await this.#save()
    } catch (error) {
      throw this.#unwritable(`token ${id} is refused now, but comes back when the gateway restarts`, error)
    }
    return toEntry(record)
  }

  /** Called within `revoke`. Gives the way to stop it. */
  onRevoke(listener: (revoked: TokenGrant) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Writes what is unsaved. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#saveTimer)
    if (this.#hasUnsaved) await this.#saveQuietly()
    else await this.#lastWrite
  }

  #find(id: string): TokenRecord | undefined {
    return this.#byHash.get(this.#hashById.get(id) ?? '')
  }

  #put(record: TokenRecord): void {
    this.#byHash.set(record.hash, record)
    this.#hashById.set(record.id, record.hash)
  }

  #remove(record: TokenRecord): void {
    this.#byHash.delete(record.hash)
    this.#hashById.delete(record.id)
  }

  #newId(): string {
    for (;;) {
      const id = randomBytes(4).toString('hex')
      if (!this.#hashById.has(id)) return id
    }
  }

  #now(): string {
    return new Date(this.#options.clock.wall()).toISOString()
  }

  /** A write takes what is in memory when it starts, so whoever comes while one runs needs the next. */
  #save(): Promise<void> {
    this.#hasUnsaved = true
    const written = this.#lastWrite.then(() => this.#write())
    this.#lastWrite = written.catch(() => undefined)
    return written
  }

  async #write(): Promise<void> {
    // Somebody who came at the same time has written it already.
    if (!this.#hasUnsaved) return
    this.#hasUnsaved = false
    try {
      await writeTokenFile(this.#path, this.#byHash.values())
    } catch (error) {
      this.#hasUnsaved = true
      throw error
    }
  }

  async #saveQuietly(): Promise<void> {
    try {
      await this.#save()
    } catch (error) {
      this.#options.log.warn({ code: errorCode(error) }, 'last use of tunnel tokens not saved')
    }
  }

  #tell(listener: (revoked: TokenGrant) => void, record: TokenRecord): void {
    try {
      listener(toGrant(record))
    } catch (error) {
      // NOTE: whatever goes wrong there, the token is to be revoked on the disk as well.
      this.#options.log.error({ id: record.id, problem: errorMessage(error) }, 'revoked tunnel not ended')
    }
  }

  #assertUsable(): void {
    if (this.#problem !== null) throw this.#problem
  }

  #unwritable(what: string, error: unknown): HarpError {
    const message = `${what}: ${this.#path} cannot be written (${errorCode(error)})`
    return gatewayError('STATE_DIR_UNUSABLE', message, { cause: error })
  }
}
