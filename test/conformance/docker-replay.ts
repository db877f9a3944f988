/** What is particular in replaying a recorded conversation about Docker: the engine, and what must be answered. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { headerValue } from '../support/http1-wire.ts'
import { ScriptedEngine, type EngineCall } from '../support/scripted-engine.ts'
import type { RecordedConversation, RecordedRequest } from './recorded-conversation.ts'

const passedTarget = /^\/exapps\/app_api(\/v\d.*)$/s
const dockerTarget = /^\/exapps\/app_api\/docker\/exapp\//

/**
 * An engine that really has containers, for what the gateway asks of it, and answers as recorded what AppAPI asks of it
 * through the gateway.
 */
export class ReplayEngine {
  readonly path: string
  readonly #engine: ScriptedEngine
  readonly #directory: string

  private constructor(engine: ScriptedEngine, directory: string, path: string) {
    this.#engine = engine
    this.#directory = directory
    this.path = path
  }

  static async start(conversation: RecordedConversation, key: string): Promise<ReplayEngine> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-engine-'))
    const path = join(directory, 'docker.sock')
    const engine = await ScriptedEngine.start({ path })
    for (const { body } of conversation.requests) {
      const image = /"image_id":"([^"]+)"/.exec(body)?.[1]?.replaceAll('\\/', '/')
      if (image !== undefined) engine.state.addImage(image, { os: 'debian', health: 'healthy' })
    }
    const left = passedCalls(conversation, key)
    for (const method of ['GET', 'HEAD', 'POST']) {
      engine.on(method, /^/, async ({ call, act, send }) => {
        if (!isPassed(call)) return send(act())
        const { answer = { status: 500, body: 'nothing more was recorded' } } = left.shift() ?? {}
        await send(answer)
      })
    }
    return new ReplayEngine(engine, directory, path)
  }

  /** What came from AppAPI, as `METHOD target`. */
  get passed(): string[] {
    return this.#engine.calls.filter(isPassed).map(({ method, target }) => `${method} ${target}`)
  }

  /**
   * The status that a request must get now. The recorder had no containers: it took each for stopped when it was started,
   * and what AppAPI starts a second time runs already.
   */
  wantedStatus({ target, answer }: RecordedRequest): number {
    const isRunning = [...this.#engine.state.containers.values()].some(({ status }) => status === 'running')
    return target.endsWith('/docker/exapp/start') && isRunning ? 200 : answer.status
  }

  /** Containers and volumes that are there now. */
  get leftovers(): string[] {
    const { containers, volumes } = this.#engine.state
    return [...containers.keys(), ...volumes]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Its HTTP client names itself; the gateway's own calls have no such header. */
function isPassed({ headers }: EngineCall): boolean {
  return String(headers['user-agent'] ?? '').startsWith('GuzzleHttp')
}

function passedCalls({ requests }: RecordedConversation, key: string): RecordedRequest[] {
  return requests.filter(
    ({ target, headers }) => passedTarget.test(target) && headerValue(headers, 'harp-shared-key') === key,
  )
}

/** What must come to the engine from AppAPI, as `METHOD target`. */
export function recordedPasses(conversation: RecordedConversation, key: string): string[] {
  return passedCalls(conversation, key).map(
    ({ method, target }) => `${method} ${passedTarget.exec(target)?.[1] ?? ''}`,
  )
}

export function isDockerRoute({ target }: RecordedRequest): boolean {
  return dockerTarget.test(target)
}

/** The recorder's answers were HaRP-shaped, not HaRP's own: what AppAPI takes from them is compared. */
export function dockerProblems({ answer }: RecordedRequest, body: string): string[] {
  if (answer.body === '') return ['', 'Container already started'].includes(body) ? [] : [`a body: ${body}`]
  const found = JSON.parse(body) as Record<string, unknown>
  return Object.entries(JSON.parse(answer.body) as Record<string, unknown>).flatMap(([name, value]) => {
    const isSame =
      name === 'id'
        ? /^[0-9a-f]{64}$/.test(String(found[name]))
        : isDeepStrictEqual(found[name] ?? null, value)
    return isSame ? [] : [`${name} is ${JSON.stringify(found[name])}`]
  })
}
