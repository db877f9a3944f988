/** What is particular in replaying a recorded conversation about Kubernetes: where the app is, and what must be answered. */
import { randomInt } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { FakeExApp } from '../support/fake-exapp.ts'
import type { FakeAppRecord } from '../support/fake-nextcloud.ts'
import type { RawRequest } from '../support/raw-http.ts'
import type { RecordedConversation, RecordedRequest } from './recorded-conversation.ts'

const routePrefix = '/exapps/app_api/k8s/exapp/'

export function isKubernetes(conversation: RecordedConversation): boolean {
  return conversation.name.includes('k8s')
}

/** An app on a port that can be a Service's nodePort as well. */
export async function startExAppAtNodePort(): Promise<FakeExApp> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await FakeExApp.start({ port: randomInt(30_000, 32_767) })
    } catch (error) {
      if (attempt === 20) throw error
    }
  }
}

/**
 * As it was sent, but for the port and the addresses of the app where the cluster is told them. Everywhere else the
 * app stays `bedapp:23000`, which leads nowhere: its requests arrive only by what the cluster says.
 */
export function redirectIntoCluster(request: RecordedRequest, app: FakeExApp): RawRequest & { body: string } {
  const isExposure = request.target === `${routePrefix}expose`
  const body = isExposure
    ? request.body
        .replace(/"(port|node_port)":\d+/g, `"$1":${app.port}`)
        .replace(/"(upstream_host|load_balancer_ip)":"[^"]*"/g, `"$1":"${app.host}"`)
    : request.body.padEnd(request.body_len)
  const headers = request.headers.map(([name, value]): [string, string] =>
    name.toLowerCase() === 'content-length' ? [name, String(Buffer.byteLength(body))] : [name, value],
  )
  return { method: request.method, target: request.target, headers, body }
}

/** The record that Nextcloud has from the moment the app is registered, before it is deployed. */
export function registeredApp(request: RecordedRequest): FakeAppRecord | undefined {
  if (request.target !== `${routePrefix}create`) return undefined
  const { environment_variables: lines } = JSON.parse(request.body) as { environment_variables: string[] }
  const variables = new Map(lines.map((line) => [line.split('=')[0], line.replace(/^[^=]*=/, '')]))
  return {
    exapp_token: variables.get('APP_SECRET') ?? '',
    exapp_version: variables.get('APP_VERSION') ?? '',
    host: 'bedapp',
    port: 23_000,
    routes: [],
  }
}

/** The recorder's answers were HaRP-shaped, not HaRP's own: what AppAPI takes from them is compared. */
export function kubernetesProblems(recorded: RecordedRequest, body: string, app: FakeExApp): string[] {
  const wanted = wantedOf(recorded, app)
  if (wanted === undefined) return body === '' ? [] : [`a body: ${body}`]
  const found = JSON.parse(body) as Record<string, unknown>
  return Object.entries(wanted).flatMap(([name, value]) =>
    isDeepStrictEqual(found[name], value) ? [] : [`${name} is ${JSON.stringify(found[name])}`],
  )
}

function wantedOf({ target, answer }: RecordedRequest, app: FakeExApp): Record<string, unknown> | undefined {
  switch (target.slice(routePrefix.length)) {
    case 'exists':
      return JSON.parse(answer.body) as Record<string, unknown>
    case 'create':
      return { name: 'nc-app-bedapp' }
    case 'wait_for_start':
      return { started: true, status: 'running', health: 'ready' }
    case 'expose':
      return {
        ...(JSON.parse(answer.body) as Record<string, unknown>),
        host: app.host,
        port: app.port,
      }
    default:
      return undefined
  }
}
