import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { z } from 'zod'
import { errorCode, HarpError } from '../../base/errors.ts'
import { controlAnswers, controlFailure, type AnswerOf } from './control-answers.ts'
import type { DaemonApi } from './daemon-api.ts'
import { deviceErrors, type DeviceErrorCode } from './device-errors.ts'

type Method = keyof DaemonApi
/** Of methods without a request: nothing. */
type Asked<Name extends Method> = Parameters<DaemonApi[Name]>

interface Reply {
  readonly status: number
  readonly value: unknown
}

const maxAnswerBytes = 256 * 1_048_576
const startingPauseMs = 250
const startingPatienceMs = 60_000
const usualMs = 60_000
/** What waits for other devices, for disks, or reads all of a folder. */
const patience: Readonly<Partial<Record<Method, number>>> = {
  join: 5 * 60_000,
  restore: 24 * 3_600_000,
  audit: 24 * 3_600_000,
  log: 5 * 60_000,
  deleted: 5 * 60_000,
  proof: 5 * 60_000,
}

/** Asks the daemon that listens at this path. */
export class ControlClient {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Throws HarpError: what the daemon says, `SYNC_NOT_RUNNING` if there is none, `SYNC_CONTROL` if it cannot be asked.
   * Waits for a daemon that is starting.
   */
  async call<Name extends Method>(name: Name, ...request: Asked<Name>): Promise<AnswerOf<Name>> {
    const body = JSON.stringify(request[0] ?? {})
    for (let waitedMs = 0; ; waitedMs += startingPauseMs) {
      const { status, value } = await this.#post(`/v1/${name}`, body, patience[name] ?? usualMs)
      if (status === 200) return parseAnswer(name, value)
      const error = toError(status, value)
      if (error.code !== 'SYNC_STARTING' || waitedMs >= startingPatienceMs) throw error
      await pause(startingPauseMs)
    }
  }

  async #post(path: string, body: string, timeoutMs: number): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const request = http.request({ socketPath: this.#path, method: 'POST', path, headers, agent: false })
    const timer = setTimeout(() => {
      reject(clientError('SYNC_CONTROL', `the daemon does not answer within ${timeoutMs / 1000} s`))
      request.destroy()
    }, timeoutMs)
    request.on('error', (error) => reject(this.#toError(error)))
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= maxAnswerBytes) chunks.push(chunk)
        else request.destroy(clientError('SYNC_CONTROL', "the daemon's answer is too large"))
      })
      response.on('error', (error) => reject(this.#toError(error)))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, value: parseJson(Buffer.concat(chunks)) }),
      )
    })
    request.end(body)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  #toError(error: unknown): HarpError {
    if (error instanceof HarpError) return error
    switch (errorCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ECONNREFUSED':
        return clientError('SYNC_NOT_RUNNING', `no daemon answers at ${this.#path}`, error)
      case 'ECONNRESET':
      case 'EPIPE':
        return clientError('SYNC_NOT_RUNNING', `the daemon at ${this.#path} ended`, error)
      case 'EACCES':
      case 'EPERM':
        return clientError('SYNC_CONTROL', `${this.#path} belongs to another user`, error)
      default:
        return clientError('SYNC_CONTROL', `${this.#path}: ${errorCode(error)}`, error)
    }
  }
}

function parseAnswer<Name extends Method>(name: Name, value: unknown): AnswerOf<Name> {
  const schema: z.ZodType<AnswerOf<Name>> = controlAnswers[name]
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw clientError('SYNC_CONTROL', 'the daemon is of another version')
}

function toError(status: number, value: unknown): HarpError {
  const told = controlFailure.safeParse(value)
  if (!told.success) return clientError('SYNC_CONTROL', `the daemon answered with status ${status}`)
  const { code, message, fix } = told.data.error
  return new HarpError(code, message, fix === undefined || fix === '' ? {} : { fix })
}

function clientError(code: DeviceErrorCode, message: string, cause?: unknown): HarpError {
  return new HarpError(code, message, { fix: deviceErrors[code].fix, cause })
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
