import { expect, test } from 'vitest'
import type { KubernetesConfig } from './config.ts'
import { formatProblems } from './describe-config.ts'
import { readKubernetes, readKubernetesEnabled } from './kubernetes-settings.ts'
import { SettingsReader } from './settings-reader.ts'

const token = 'eyJhbGciOi.secret-token'
const inCluster = { KUBERNETES_SERVICE_HOST: '10.96.0.1', HP_K8S_BEARER_TOKEN: token }

function read(
  env: Record<string, string>,
  paths: readonly string[] = [],
): {
  readonly isEnabled: boolean
  readonly kubernetes: KubernetesConfig
  readonly problems: readonly string[]
} {
  const reader = new SettingsReader(env)
  const isEnabled = readKubernetesEnabled(reader)
  const files = { readFile: () => undefined, exists: (path: string) => paths.includes(path) }
  const kubernetes = readKubernetes(reader, files, isEnabled)
  expect(formatProblems(reader.problems).join()).not.toContain(token)
  return { isEnabled, kubernetes, problems: reader.problems.map((each) => `${each.severity} ${each.name}`) }
}

test.each(['1', 'true', 'TRUE', 'yes', 'Yes'])('HP_K8S_ENABLED=%s is on', (text) => {
  expect(read({ ...inCluster, HP_K8S_ENABLED: text })).toMatchObject({ isEnabled: true, problems: [] })
})

test.each(['', '0', 'false', 'no', 'off'])('HP_K8S_ENABLED=%j is off', (text) => {
  expect(read({ HP_K8S_ENABLED: text })).toMatchObject({ isEnabled: false, problems: [] })
})

test.each(['on', '"true"', 'enabled', '2'])(
  'HP_K8S_ENABLED=%s is off too, as in the original, and said',
  (text) => {
    expect(read({ HP_K8S_ENABLED: text })).toMatchObject({
      isEnabled: false,
      problems: ['warning HP_K8S_ENABLED'],
    })
  },
)

test.each([
  [{}, 'https://10.96.0.1/'],
  [{ KUBERNETES_SERVICE_PORT: '6443' }, 'https://10.96.0.1:6443/'],
  [{ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }, 'https://[fd00::1]:6443/'],
  [{ HP_K8S_API_SERVER: 'https://k8s.example.com:6443/' }, 'https://k8s.example.com:6443/'],
  [{ HP_K8S_API_SERVER: 'http://localhost:8001/base' }, 'http://localhost:8001/base'],
])('the API server with %j is %s', (env, expected) => {
  const { kubernetes, problems } = read({ ...inCluster, HP_K8S_ENABLED: '1', ...env })

  expect(kubernetes.apiServer?.href).toBe(expected)
  expect(problems).toEqual([])
})

test('without any API server Kubernetes is enabled with a warning, as with the original', () => {
  expect(read({ HP_K8S_ENABLED: '1', HP_K8S_BEARER_TOKEN: token }).problems).toEqual([
    'warning HP_K8S_API_SERVER',
  ])
})

const wrongValues = [
  ['HP_K8S_API_SERVER', 'k8s.example.com'],
  ['HP_K8S_API_SERVER', `https://me:${token}@k8s`],
  ['HP_K8S_API_SERVER', `https://k8s/?token=${token}`],
  ['KUBERNETES_SERVICE_HOST', 'a b'],
  ['HP_K8S_NAMESPACE', 'Not_A_Label'],
  ['HP_K8S_NAMESPACE', 'a'.repeat(64)],
  ['HP_K8S_NAMESPACE', '../x'],
  ['HP_K8S_STORAGE_CLASS', 'Fast'],
  ['HP_K8S_DEFAULT_STORAGE_SIZE', '10GiB'],
  ['HP_K8S_DEFAULT_STORAGE_SIZE', '0'],
  ['HP_K8S_BEARER_TOKEN', `${token}\n${token}`],
] as const

test.each(wrongValues)('%s=%j is fatal with Kubernetes on', (name, value) => {
  expect(read({ ...inCluster, HP_K8S_ENABLED: '1', [name]: value }).problems).toContain(`fatal ${name}`)
})

test.each(wrongValues)('%s=%j is a warning with Kubernetes off', (name, value) => {
  expect(read({ ...inCluster, [name]: value }).problems).toEqual([`warning ${name}`])
})

test.each(['10Gi', '500M', '1.5Ti', '1e9', '1'])('the storage size %s is taken', (size) => {
  const { kubernetes, problems } = read({
    ...inCluster,
    HP_K8S_ENABLED: '1',
    HP_K8S_DEFAULT_STORAGE_SIZE: size,
    HP_K8S_STORAGE_CLASS: 'rook-ceph.block',
    HP_K8S_NAMESPACE: 'apps',
  })

  expect(problems).toEqual([])
  expect(kubernetes).toMatchObject({
    defaultStorageSize: size,
    storageClass: 'rook-ceph.block',
    namespace: 'apps',
  })
})

test('the token is trimmed and held as a secret', () => {
  const { kubernetes } = read({ HP_K8S_BEARER_TOKEN: ` ${token}\n` })

  expect(kubernetes.bearerToken?.reveal()).toBe(token)
  expect(JSON.stringify(kubernetes)).not.toContain(token)
})

test.each([
  ['false', false, ['warning HP_K8S_VERIFY_SSL']],
  ['FALSE', false, ['warning HP_K8S_VERIFY_SSL']],
  ['true', true, []],
  ['0', true, ['warning HP_K8S_VERIFY_SSL']],
] as const)('HP_K8S_VERIFY_SSL=%s verifies: %s', (text, expected, problems) => {
  const result = read({ HP_K8S_VERIFY_SSL: text })

  expect(result.kubernetes.verifyTls).toBe(expected)
  expect(result.problems).toEqual(problems)
})

test('host aliases are split at the last colon and grouped by address in first-seen order', () => {
  const { kubernetes, problems } = read({
    HP_K8S_HOST_ALIASES: ' b.local:10.0.0.2 ,a:10.0.0.1,, c:10.0.0.2,x:y:10.0.0.1',
  })

  expect(problems).toEqual([])
  expect(kubernetes.hostAliases).toEqual([
    { ip: '10.0.0.2', hostnames: ['b.local', 'c'] },
    { ip: '10.0.0.1', hostnames: ['a', 'x:y'] },
  ])
})

test('host aliases without a colon or with an empty half are ignored with a warning', () => {
  const { kubernetes, problems } = read({ HP_K8S_HOST_ALIASES: 'nocolon,:10.0.0.1,host:,ok:10.0.0.9' })

  expect(problems).toEqual(Array.from({ length: 3 }, () => 'warning HP_K8S_HOST_ALIASES'))
  expect(kubernetes.hostAliases).toEqual([{ ip: '10.0.0.9', hostnames: ['ok'] }])
})

test('a missing token and a missing CA file that was asked for are said when Kubernetes is on', () => {
  const env = {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    HP_K8S_CA_FILE: '/ca',
    HP_K8S_BEARER_TOKEN_FILE: '/token',
  }

  expect(read({ ...env, HP_K8S_ENABLED: '1' }).problems).toEqual([
    'warning HP_K8S_CA_FILE',
    'warning HP_K8S_BEARER_TOKEN_FILE',
  ])
  expect(read({ ...env, HP_K8S_ENABLED: '1' }, ['/ca', '/token']).problems).toEqual([])
  expect(read(env).problems).toEqual([])
})
