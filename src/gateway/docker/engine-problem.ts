/** What AppAPI is told where an engine gave no answer, or one that is no success (contract 4.4, W30). */
import { errorCode, errorMessage } from '../../base/errors.ts'
import { text } from '../control/control-api.ts'
import type { EngineReply } from '../engine/engine-reply.ts'
import type { LocalResponse } from '../proxy/local-response.ts'

/** Ends the work on a route with this answer. */
export class Answered extends Error {
  override readonly name = 'Answered'
  readonly response: LocalResponse

  constructor(response: LocalResponse) {
    super('answered')
    this.response = response
  }
}

/** `what: Status 500: the engine's own words`. */
export function refusedByEngine(what: string, reply: EngineReply, status = 503): Answered {
  const cause = reply.message === '' ? '' : `: ${reply.message}`
  return new Answered(text(status, `${what}: Status ${reply.status}${cause}`))
}

/** For a failed call to the engine at `port`; null: something else went wrong. */
export function engineFailure(error: unknown, port: number): LocalResponse | null {
  switch (errorCode(error)) {
    case 'ENGINE_UNREACHABLE':
      return text(503, `Could not connect to Docker Engine on port ${port}`)
    case 'ENGINE_TIMEOUT':
      return text(504, `Timeout communicating with Docker Engine on port ${port}`)
    case 'ENGINE_BUSY':
      return text(503, `Docker Engine on port ${port} is busy: too many calls wait for it`)
    case 'ENGINE_BAD_ANSWER':
    case 'ENGINE_ANSWER_TOO_LARGE':
      // It names the engine itself.
      return text(503, errorMessage(error).slice(0, 300))
    default:
      return null
  }
}
