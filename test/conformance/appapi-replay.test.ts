/**
 * Replays what a real Nextcloud with AppAPI 32, 33 and 34 sent, in order, against our gateway. Requests that this
 * gateway serves must get the recorded status, from the engine's own API too, which a stand-in engine answers as
 * recorded, and Kubernetes by a simulated cluster; `/docker` must get 501 with a text, and counts as pending. The one
 * request with a wrong key must get 401 (the recorder had answered everything).
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FakeExApp } from '../support/fake-exapp.ts'
import { type FakeAppRecord, FakeNextcloud } from '../support/fake-nextcloud.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { headerValue, headerValues } from '../support/http1-wire.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'
import { exchange, type RawResponse } from '../support/raw-http.ts'
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
import { type EngineAnswer, StandInEngine } from './stand-in-engine.ts'

const key = 'some_very_secure_password'
const conversations = loadConversations()
const pendingTarget = /^\/exapps\/app_api\/docker\//
const engineTarget = /^\/exapps\/app_api\/v\d/
const kubernetesTarget = /^\/exapps\/app_api\/k8s\//
const counts = { passed: 0, pending: 0 }
let exapp: FakeExApp

beforeAll(async () => {
  exapp = await startExAppAtNodePort()
})
afterAll(async () => {
  await exapp.stop()
  console.log(
    `recorded AppAPI requests: ${counts.passed} answered as recorded, ${counts.pending} pending (501)`,
  )
})

test('all seven recorded conversations are there', () => {
  expect(conversations.map((each) => each.requests.length)).toEqual([52, 53, 53, 51, 51, 51, 51])
})

test.each(conversations)(
  'AppAPI is served as recorded in $name',
  { timeout: 60_000 },
  async (conversation) => {
    const nextcloud = await FakeNextcloud.start({ key })
    await using engine = await StandInEngine.startOnSocket(answerAsRecorded(conversation))
    await using cluster = await KubernetesSimulator.start({ clusterIp: exapp.host })
    const environment = {
      HP_SHARED_KEY: key,
      HARP_DOCKER_SOCKET: engine.path,
      ...(isKubernetes(conversation) ? cluster.environment : {}),
    }
    const gateway = await GatewayProcess.start(nextcloud.url, { environment })
    try {
      const replayed = await replay(conversation, gateway, nextcloud)
      const pending = replayed.filter((each) => each.isPending).length
      counts.pending += pending
      counts.passed += replayed.length - pending

      expect(replayed.filter((each) => each.problems.length > 0)).toEqual([])
      expect(engine.requests.map(({ method, target }) => ({ method, target }))).toEqual(
        engineCalls(conversation).map(({ method, target }) => ({ method, target: engineTargetOf(target) })),
      )
    } finally {
      await gateway.stop()
      await nextcloud.stop()
    }
  },
)

function engineCalls({ requests }: RecordedConversation): RecordedRequest[] {
  return requests.filter(
    ({ target, headers }) => engineTarget.test(target) && headerValue(headers, 'harp-shared-key') === key,
  )
}

function engineTargetOf(target: string): string {
  return target.slice('/exapps/app_api'.length)
}

/** The recorded answers, in their order. */
function answerAsRecorded(conversation: RecordedConversation): EngineAnswer {
  const left = engineCalls(conversation)
  return (_request, response) => {
    const { answer = { status: 500, body: 'nothing more was recorded' } } = left.shift() ?? {}
    response.writeHead(answer.status).end(answer.body)
  }
}

interface Replayed {
  readonly request: string
  readonly isPending: boolean
  readonly problems: readonly string[]
}

async function replay(
  conversation: RecordedConversation,
  gateway: GatewayProcess,
  nextcloud: FakeNextcloud,
): Promise<Replayed[]> {
  const replayed: Replayed[] = []
  let known: FakeAppRecord | undefined
  for (const recorded of conversation.requests) {
    const request = isKubernetes(conversation)
      ? redirectIntoCluster(recorded, exapp)
      : redirectTo(recorded, exapp)
    known = registeredApp(recorded) ?? known
    if (known !== undefined) nextcloud.setApp('bedapp', { record: known })
    const outcome = await exchange(gateway, request)
    const isRightKey = headerValue(recorded.headers, 'harp-shared-key') === key
    const isPending = isRightKey && pendingTarget.test(recorded.target)
    const wanted = isPending ? 501 : isRightKey ? recorded.answer.status : 401
    const problems: string[] = []
    if (outcome.kind !== 'response') problems.push(outcome.kind)
    else if (outcome.response.status !== wanted) {
      problems.push(`${outcome.response.status} instead of ${wanted}: ${outcome.response.body.toString()}`)
    } else if (isPending) problems.push(...pendingProblems(outcome.response))
    else if (isRightKey) problems.push(...servedProblems(recorded, outcome.response, conversation))
    replayed.push({ request: `${recorded.seq} ${recorded.method} ${recorded.target}`, isPending, problems })
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

function pendingProblems(response: RawResponse): string[] {
  const isText = headerValue(response.headers, 'content-type')?.startsWith('text/plain') === true
  return isText && response.body.length > 20
    ? []
    : [`a 501 without a clear text: ${response.body.toString()}`]
}

function servedProblems(
  recorded: RecordedRequest,
  response: RawResponse,
  conversation: RecordedConversation,
): string[] {
  const body = response.body.toString()
  if (recorded.target === '/exapps/app_api/info') return infoProblems(JSON.parse(body), conversation)
  if (recorded.target.startsWith('/exapps/bedapp')) return forwardProblems(recorded)
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
