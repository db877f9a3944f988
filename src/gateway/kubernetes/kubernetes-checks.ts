/** What `harp doctor` looks at in a cluster: is it there, does it know us, and may we do what ExApps need. Changes nothing. */
import { z } from 'zod'
import { errorMessage, HarpError } from '../../base/errors.ts'
import type { KubernetesConfig } from '../config/config.ts'
import { fail, ok, skip, warn, type Check } from '../doctor/check.ts'
import { readAuthority, readToken } from './credentials.ts'
import { kubernetesError, kubernetesErrors, type KubernetesErrorCode } from './errors.ts'
import { KubernetesClient, type KubernetesReply } from './kubernetes-client.ts'
import { refusalText, statusMessage } from './refusal.ts'

export interface KubernetesChecksOptions {
  readonly config: KubernetesConfig
  readonly isEnabled: boolean
  /** For each single question. */
  readonly timeoutMs: number
}

interface Needed {
  readonly group: '' | 'apps'
  readonly resource: string
  readonly verbs: readonly string[]
  /** null: nothing works without it. */
  readonly onlyFor: string | null
  readonly isClusterWide?: true
}

type Verdict = 'allowed' | 'denied'

const needed: readonly Needed[] = [
  {
    group: 'apps',
    resource: 'deployments',
    verbs: ['get', 'create', 'patch', 'delete'],
    onlyFor: null,
  },
  {
    group: 'apps',
    resource: 'deployments',
    verbs: ['list'],
    onlyFor: 'apps of several roles, exposed by hand',
  },
  { group: '', resource: 'persistentvolumeclaims', verbs: ['create', 'delete'], onlyFor: null },
  { group: '', resource: 'services', verbs: ['get', 'list', 'create', 'delete'], onlyFor: null },
  { group: '', resource: 'pods', verbs: ['list'], onlyFor: null },
  { group: '', resource: 'nodes', verbs: ['list'], onlyFor: 'apps at a NodePort', isClusterWide: true },
]
/** Of an object that does not exist. */
const noName = 'harp-doctor'
const version = z.object({ gitVersion: z.string().max(100) })
const review = z.object({ status: z.object({ allowed: z.boolean() }) })

export async function checkKubernetes(options: KubernetesChecksOptions): Promise<readonly Check[]> {
  const { config, isEnabled, timeoutMs } = options
  if (!isEnabled) return [skip('cluster', 'HP_K8S_ENABLED is off')]
  if (config.apiServer === null) {
    return [fail('cluster', 'there is no API server', 'set HP_K8S_API_SERVER')]
  }
  const files = [await checkToken(config), await checkAuthority(config)]
  const client = new KubernetesClient(config, { totalTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs })
  try {
    const api = await checkApi(client, config.apiServer)
    const rights =
      api.status === 'ok'
        ? await Promise.all(needed.map((each) => checkRights(client, config.namespace, each)))
        : [skip('rights', 'the cluster cannot be asked')]
    return [...files, api, ...rights]
  } finally {
    client.close()
  }
}

async function checkToken(config: KubernetesConfig): Promise<Check> {
  try {
    await readToken(config)
    return ok('token', config.bearerToken === null ? config.bearerTokenFile : 'HP_K8S_BEARER_TOKEN')
  } catch (error) {
    return failure('token', error)
  }
}

async function checkAuthority(config: KubernetesConfig): Promise<Check> {
  const name = 'certificate authority'
  if (config.apiServer?.protocol === 'http:') {
    const fix = 'give the HTTPS port of the API server in HP_K8S_API_SERVER'
    return warn(name, 'the token is sent unencrypted: HP_K8S_API_SERVER is not https', fix)
  }
  if (!config.verifyTls) {
    const fix = 'set HP_K8S_CA_FILE to its certificate authority, and HP_K8S_VERIFY_SSL to true'
    return warn(name, 'anyone on the network can pose as the API server: HP_K8S_VERIFY_SSL is false', fix)
  }
  try {
    const authority = await readAuthority(config)
    return ok(name, authority === null ? `the system's (there is no ${config.caFile})` : config.caFile)
  } catch (error) {
    return failure(name, error)
  }
}

async function checkApi(client: KubernetesClient, server: URL): Promise<Check> {
  const name = 'API server'
  try {
    const reply = await client.request({ method: 'GET', path: '/version' })
    if (reply.status === 401) {
      const fix = 'give a current token of the service account in HP_K8S_BEARER_TOKEN_FILE'
      return fail(name, `${server.host} does not accept the token`, fix)
    }
    const parsed = version.safeParse(reply.json)
    if (reply.status === 200 && parsed.success) {
      return ok(name, `Kubernetes ${parsed.data.gitVersion} at ${server.host}`)
    }
    const said = statusMessage(reply.json)
    return fail(name, `${server.host} answers ${reply.status} ${said}`, 'check HP_K8S_API_SERVER')
  } catch (error) {
    return failure(name, error)
  }
}

async function checkRights(client: KubernetesClient, namespace: string, each: Needed): Promise<Check> {
  const name = `right: ${each.resource}`
  const where = each.isClusterWide === true ? 'in the whole cluster' : `in namespace ${namespace}`
  try {
    const verdicts = await Promise.all(
      each.verbs.map(async (verb) => ({ verb, verdict: await ask(client, namespace, each, verb) })),
    )
    const missing = verdicts.flatMap(({ verb, verdict }) => (verdict === 'denied' ? [verb] : []))
    if (missing.length === 0) return ok(name, `${each.verbs.join(', ')} ${where}`)
    const kind = each.isClusterWide === true ? 'ClusterRole' : 'Role'
    const fix = `give the gateway's service account a ${kind} with ${missing.join(', ')} on ${each.resource}`
    const detail = `may not ${missing.join(', ')} ${where}`
    return each.onlyFor === null
      ? fail(name, detail, fix)
      : warn(name, `${detail}: needed for ${each.onlyFor}`, fix)
  } catch (error) {
    return failure(name, error)
  }
}

/** By the API's own review of access; where that is not to be had, by a call that can change nothing. */
async function ask(
  client: KubernetesClient,
  namespace: string,
  needed: Needed,
  verb: string,
): Promise<Verdict> {
  const place = needed.isClusterWide === true ? {} : { namespace }
  const { group, resource } = needed
  const reply = await client.request({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    json: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { group, resource, verb, ...place } },
    },
  })
  const parsed = review.safeParse(reply.json)
  if (parsed.success) return parsed.data.status.allowed ? 'allowed' : 'denied'
  const { status, json } = await attempt(client, namespace, needed, verb)
  if (status === 401 || status === 429 || status >= 500) {
    throw kubernetesError('KUBERNETES_BAD_ANSWER', refusalText(`may it ${verb} ${resource}?`, status, json))
  }
  return status === 403 ? 'denied' : 'allowed'
}

/** The right is judged before the call is, which is for nothing that exists, and a rehearsal (`dryRun`). */
function attempt(
  client: KubernetesClient,
  namespace: string,
  { group, resource, isClusterWide }: Needed,
  verb: string,
): Promise<KubernetesReply> {
  const root = group === '' ? '/api/v1' : `/apis/${group}/v1`
  const all = isClusterWide === true ? `${root}/${resource}` : `${root}/namespaces/${namespace}/${resource}`
  const rehearsal = { query: { dryRun: 'All' } }
  switch (verb) {
    case 'create':
      return client.request({ method: 'POST', path: all, json: {}, ...rehearsal })
    case 'patch': {
      const contentType = 'application/strategic-merge-patch+json'
      return client.request({
        method: 'PATCH',
        path: `${all}/${noName}`,
        json: {},
        contentType,
        ...rehearsal,
      })
    }
    case 'delete':
      return client.request({ method: 'DELETE', path: `${all}/${noName}`, ...rehearsal })
    case 'list':
      return client.request({ method: 'GET', path: all, query: { limit: '1' } })
    default:
      return client.request({ method: 'GET', path: `${all}/${noName}` })
  }
}

function failure(name: string, error: unknown): Check {
  if (!(error instanceof HarpError) || !isKubernetesCode(error.code)) throw error
  return fail(name, errorMessage(error), kubernetesErrors[error.code].fix)
}

function isKubernetesCode(code: string): code is KubernetesErrorCode {
  return code in kubernetesErrors
}
