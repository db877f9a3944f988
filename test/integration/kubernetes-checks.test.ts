/** What the doctor says of a cluster. */
import { expect, test } from 'vitest'
import type { Check } from '../../src/gateway/doctor/check.ts'
import type { KubernetesConfig } from '../../src/gateway/config/config.ts'
import { checkKubernetes } from '../../src/gateway/kubernetes/kubernetes-checks.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'
import { configOf } from './kubernetes-stage.ts'

function check(
  simulator: KubernetesSimulator,
  changes: Partial<KubernetesConfig> = {},
): Promise<readonly Check[]> {
  return checkKubernetes({ config: configOf(simulator, changes), isEnabled: true, timeoutMs: 5_000 })
}

const lines = (checks: readonly Check[]): string[] =>
  checks.map(({ name, status, detail }) => `${status} ${name}: ${detail}`)

test('a cluster that lets us do everything is fine, and left as it is', async () => {
  await using simulator = await KubernetesSimulator.start()

  expect(lines(await check(simulator))).toEqual([
    `ok token: ${simulator.directory}/token`,
    `ok certificate authority: ${simulator.directory}/ca.crt`,
    `ok API server: Kubernetes v1.34.1 at ${new URL(simulator.url).host}`,
    'ok right: deployments: get, create, patch, delete in namespace nextcloud-exapps',
    'ok right: deployments: list in namespace nextcloud-exapps',
    'ok right: persistentvolumeclaims: create, delete in namespace nextcloud-exapps',
    'ok right: services: get, list, create, delete in namespace nextcloud-exapps',
    'ok right: pods: list in namespace nextcloud-exapps',
    'ok right: nodes: list in the whole cluster',
  ])
  expect(simulator.history).toEqual([])
})

test.each([
  ['asked for', true],
  ['tried, where they cannot be asked for', false],
])('rights are %s one by one', async (_how, hasReviews) => {
  await using simulator = await KubernetesSimulator.start()
  simulator.deny('patch deployments', 'create services', 'delete services', 'list nodes')
  simulator.fault = ({ target }) =>
    !hasReviews && target.includes('selfsubjectaccessreviews') ? { kind: 'reply', status: 403 } : undefined

  const checks = await check(simulator)

  expect(lines(checks).filter((line) => !line.startsWith('ok'))).toEqual([
    'fail right: deployments: may not patch in namespace nextcloud-exapps',
    'fail right: services: may not create, delete in namespace nextcloud-exapps',
    'warn right: nodes: may not list in the whole cluster: needed for apps at a NodePort',
  ])
  expect(checks.find(({ status }) => status === 'fail')?.fix).toBe(
    "give the gateway's service account a Role with patch on deployments",
  )
  const { deployments, services, claims } = simulator.store
  expect([deployments.size, services.size, claims.size]).toEqual([0, 0, 0])
})

test('a token that is missing or not accepted is told', async () => {
  await using simulator = await KubernetesSimulator.start()

  const missing = await check(simulator, { bearerTokenFile: '/nonexistent/token' })
  expect(lines(missing)[0]).toBe(
    'fail token: Kubernetes token is not configured. /nonexistent/token does not exist',
  )
  const wrong = await check(simulator, { bearerTokenFile: `${simulator.directory}/ca.crt` })
  expect(lines(wrong)[0]).toContain('holds something else')
  simulator.fault = () => ({ kind: 'reply', status: 401 })
  expect(lines(await check(simulator))).toContain(
    `fail API server: ${new URL(simulator.url).host} does not accept the token`,
  )
})

test('an API server that can tell no right is not taken for one that grants it', async () => {
  await using simulator = await KubernetesSimulator.start()
  simulator.fault = ({ target }) => (target === '/version' ? undefined : { kind: 'reply', status: 500 })

  const rights = lines(await check(simulator)).filter((each) => each.includes('right: '))

  expect(rights).toContain('fail right: pods: may it list pods?: Status 500')
  expect(rights.filter((each) => each.startsWith('ok'))).toEqual([])
})

test('what is wrong with the connection is told, and nothing else is asked', async () => {
  await using simulator = await KubernetesSimulator.start()

  expect(lines(await check(simulator, { caFile: '/nonexistent/ca' })).slice(1)).toEqual([
    "ok certificate authority: the system's (there is no /nonexistent/ca)",
    expect.stringContaining('has a certificate that is not trusted here'),
    'skip rights: the cluster cannot be asked',
  ])
  expect(lines(await check(simulator, { verifyTls: false }))[1]).toMatch(/^warn .*HP_K8S_VERIFY_SSL is false/)
  expect(lines(await check(simulator, { apiServer: null }))).toEqual(['fail cluster: there is no API server'])
})

test('while Kubernetes is off nothing is looked at', async () => {
  await using simulator = await KubernetesSimulator.start()

  const checks = await checkKubernetes({ config: configOf(simulator), isEnabled: false, timeoutMs: 1_000 })

  expect(lines(checks)).toEqual(['skip cluster: HP_K8S_ENABLED is off'])
  expect(simulator.calls).toEqual([])
})
