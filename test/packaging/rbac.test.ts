/** The chart gives the gateway's account the rights that `harp doctor` asks the cluster for, and no other. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { systemFiles } from '../../src/gateway/config/system-files.ts'
import { parseConfig } from '../../src/gateway/config/parse-config.ts'
import { checkKubernetes } from '../../src/gateway/kubernetes/kubernetes-checks.ts'
import { KubernetesSimulator } from '../support/kubernetes-simulator.ts'

const template = readFileSync(new URL('../../deploy/helm/harp/templates/rbac.yaml', import.meta.url), 'utf8')
const review = z.object({
  spec: z.object({
    resourceAttributes: z.object({
      group: z.string().default(''),
      resource: z.string(),
      verb: z.string(),
      namespace: z.string().optional(),
    }),
  }),
})

test('the Role and the ClusterRole of the chart are what the gateway needs', async () => {
  await using cluster = await KubernetesSimulator.start()
  const { config } = parseConfig(
    { ...cluster.environment, HP_SHARED_KEY: 'sekret', NC_INSTANCE_URL: 'http://nextcloud.invalid' },
    systemFiles,
  )
  if (config === null) throw new Error('the configuration of the simulator is not valid')
  await checkKubernetes({ config: config.kubernetes, isEnabled: true, timeoutMs: 5_000 })

  const asked = cluster.calls.flatMap(({ target, body }) => {
    if (!target.endsWith('/selfsubjectaccessreviews')) return []
    const { group, resource, verb, namespace = '' } = review.parse(body).spec.resourceAttributes
    return [`${namespace === '' ? 'ClusterRole' : 'Role'}: ${verb} ${group}/${resource}`]
  })

  expect(asked.length).toBeGreaterThan(5)
  expect(rightsOf(template).toSorted()).toEqual([...new Set(asked)].toSorted())
})

/** `Role: get apps/deployments`, of every rule. */
function rightsOf(text: string): string[] {
  return text.split('\n---\n').flatMap((document) => {
    const kind = /^kind: (\w+)$/m.exec(document)?.[1]
    const rules = document.matchAll(/- apiGroups: (\[.*\])\n +resources: (\[.*\])\n +verbs: (\[.*\])$/gm)
    return [...rules].flatMap(([, ...lists]) => {
      const [groups = [], resources = [], verbs = []] = lists.map((list) => JSON.parse(list) as string[])
      return groups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${kind}: ${verb} ${group}/${resource}`)),
      )
    })
  })
}
