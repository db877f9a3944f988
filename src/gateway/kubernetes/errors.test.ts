import { expect, test } from 'vitest'
import { kubernetesError, kubernetesErrors, kubernetesProblem } from './errors.ts'

test.each(Object.entries(kubernetesErrors))('%s says what happened and what to do', (code, entry) => {
  expect(code).toMatch(/^KUBERNETES(?:_[A-Z]+)+$/)
  expect(entry.summary).toMatch(/\.$/)
  expect(entry.fix).toMatch(/\.$/)
})

test('AppAPI is told what the API server said, or that it said nothing', () => {
  const refused = kubernetesError('KUBERNETES_REFUSED', "Failed to create PVC 'x': Status 403")
  const silent = kubernetesError('KUBERNETES_TIMEOUT', 'no answer within 60 s')

  expect(kubernetesProblem(refused)).toBe("Failed to create PVC 'x': Status 403")
  expect(kubernetesProblem(silent)).toBe('Error communicating with Kubernetes API: no answer within 60 s')
})
