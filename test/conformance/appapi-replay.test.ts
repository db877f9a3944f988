/**
 * Replays what a real Nextcloud with AppAPI 32, 33 and 34 sent, from first to last request, against our gateway, with
 * a scripted engine and a simulated cluster. Each request must get the recorded status, and what AppAPI takes from the
 * recorded body; the one with a wrong key must get 401 (the recorder had answered everything).
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FakeExApp } from '../support/fake-exapp.ts'
import { type FakeAppRecord, FakeNextcloud } from '../support/fake-nextcloud.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { headerValue, headerValues } from '../support/http1-wire.ts'
import { podStatus } from '../support/kubernetes-pods.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'
import { exchange, type RawResponse } from '../support/raw-http.ts'
import { dockerProblems, isDockerRoute, recordedPasses, ReplayEngine } from './docker-replay.ts'
import {
  isKubernetes,
  kubernetesProblems,
  redirectIntoCluster,
  registeredApp,
  startExAppAtNodePort,
} from './kubernetes-replay.ts'
import {
  loadConversations,
  type RecordedConversation,
  type RecordedRequest,
  redirectTo,
} from './recorded-conversation.ts'

const key = 'some_very_secure_password'
const conversations = loadConversations()
const kubernetesTarget = /^\/exapps\/app_api\/k8s\//
let exapp: FakeExApp

beforeAll(async () => {
  exapp = await startExAppAtNodePort()
})
afterAll(async () => {
  await exapp.stop()
})

test('all seven recorded conversations are there', () => {
  expect(conversations.map((each) => each.requests.length)).toEqual([52, 53, 53, 51, 51, 51, 51])
})

test.each(conversations)(
  'AppAPI is served as recorded in $name',
  { timeout: 60_000 },
  async (conversation) => {
    const nextcloud = await FakeNextcloud.start({ key })
    await using engine = await ReplayEngine.start(conversation, key)
    await using cluster = await KubernetesSimulator.start({ clusterIp: exapp.host })
    cluster.store.scripts.set('nc-app-bedapp', [podStatus.ready])
    const environment = {
      HP_SHARED_KEY: key,
      HARP_DOCKER_SOCKET: engine.path,
      ...(isKubernetes(conversation) ? cluster.environment : {}),
    }
    const gateway = await GatewayProcess.start(nextcloud.url, { environment })
    try {
      const replayed = await replay(conversation, { gateway, nextcloud, engine })

      expect(replayed.filter((each) => each.problems.length > 0)).toEqual([])
      expect(replayed).toHaveLength(conversation.requests.length)
      expect(engine.passed).toEqual(recordedPasses(conversation, key))
      // Every conversation ends with the app removed, with its data.
      expect(engine.leftovers).toEqual([])
    } finally {
      await gateway.stop()
      await nextcloud.stop()
    }
  },
)

interface Replayed {
  readonly request: string
  readonly problems: readonly string[]
}

interface Stage {
  readonly gateway: GatewayProcess
  readonly nextcloud: FakeNextcloud
  readonly engine: ReplayEngine
}

async function replay(
  conversation: RecordedConversation,
  { gateway, nextcloud, engine }: Stage,
): Promise<Replayed[]> {
  const replayed: Replayed[] = []
  let known: FakeAppRecord | undefined
  for (const recorded of conversation.requests) {
    const request = isKubernetes(conversation)
      ? redirectIntoCluster(recorded, exapp)
      : redirectTo(recorded, exapp)
    known = registeredApp(recorded) ?? known
    if (known !== undefined) nextcloud.setApp('bedapp', { record: known })
    const isRightKey = headerValue(recorded.headers, 'harp-shared-key') === key
    const wanted = isRightKey ? engine.wantedStatus(recorded) : 401
    const outcome = await exchange(gateway, request)
    const problems: string[] = []
    if (outcome.kind !== 'response') problems.push(outcome.kind)
    else if (outcome.response.status !== wanted) {
      problems.push(`${outcome.response.status} instead of ${wanted}: ${outcome.response.body.toString()}`)
    } else if (isRightKey) problems.push(...servedProblems(recorded, outcome.response, conversation))
    replayed.push({ request: `${recorded.seq} ${recorded.method} ${recorded.target}`, problems })
    if (recorded.method === 'POST' && recorded.target.includes('/exapp_storage/')) {
      // NOTE: until here Nextcloud knows nothing, so the first heartbeats go by their headers alone.
      known = JSON.parse(request.body) as FakeAppRecord
    }
    const version = /"APP_VERSION=([\d.]+)"/.exec(recorded.body)?.[1]
    if (version !== undefined && known !== undefined) known = { ...known, exapp_version: version }
    if (known !== undefined) nextcloud.setApp('bedapp', { record: known })
  }
  return replayed
}

function servedProblems(
  recorded: RecordedRequest,
  response: RawResponse,
  conversation: RecordedConversation,
): string[] {
  const body = response.body.toString()
  if (recorded.target === '/exapps/app_api/info') return infoProblems(JSON.parse(body), conversation)
  if (recorded.target.startsWith('/exapps/bedapp')) return forwardProblems(recorded)
  if (isDockerRoute(recorded)) return dockerProblems(recorded, body)
  if (kubernetesTarget.test(recorded.target)) return kubernetesProblems(recorded, body, exapp)
  return body === recorded.answer.body ? [] : [`the body ${JSON.stringify(body)}`]
}

function infoProblems(info: unknown, conversation: RecordedConversation): string[] {
  const { version, docker, kubernetes } = info as Record<string, unknown>
  const { enabled, api_server: server, reachable } = (kubernetes ?? {}) as Record<string, unknown>
  const isRight =
    typeof version === 'string' &&
    /^\d+\.\d+\.\d+$/.test(version) &&
    docker === true &&
    enabled === isKubernetes(conversation) &&
    (enabled !== true || (typeof server === 'string' && typeof reachable === 'boolean'))
  return isRight ? [] : [`/info is ${JSON.stringify(info)}`]
}

/** The app saw this request, with AppAPI's signature and without its secrets. */
function forwardProblems(recorded: RecordedRequest): string[] {
  const signature = headerValue(recorded.headers, 'authorization-app-api')
  const seen = exapp
    .requests((each) => each.header('authorization-app-api') === signature)
    .findLast((each) => each.target === recorded.target.slice('/exapps/bedapp'.length))
  if (seen === undefined) return ['not seen by the app']
  const wanted: Record<string, string | undefined> = {
    'aa-version': '32',
    'harp-shared-key': undefined,
    'ex-app-host': undefined,
    'ex-app-port': undefined,
  }
  for (const name of ['aa-request-id', 'ex-app-id', 'ex-app-version', 'content-type', 'cookie', 'host']) {
    wanted[name] = headerValue(recorded.headers, name)
  }
  const problems = Object.entries(wanted).flatMap(([name, value]) =>
    headerValues(seen.headers, name).join('|') === (value ?? '')
      ? []
      : [`the app saw ${name}: ${seen.header(name)}`],
  )
  return seen.method === recorded.method ? problems : [...problems, `the app saw ${seen.method}`]
}
