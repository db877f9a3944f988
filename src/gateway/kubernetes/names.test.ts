import { expect, test } from 'vitest'
import { kubernetesName, kubernetesNames } from './names.ts'

test.each([
  ['nc_app_foo', 'nc-app-foo'],
  ['nc_app_Foo_Bar', 'nc-app-foo-bar'],
  ['nc_app_a.b c', 'nc-app-a-b-c'],
  ['__a--b__', 'a-b'],
  ['ä', 'exapp'],
  ['', 'exapp'],
  ['a'.repeat(70), 'a'.repeat(63)],
  [`${'a'.repeat(62)}_b`, 'a'.repeat(62)],
])('%j is called %j', (text, name) => {
  expect(kubernetesName(text)).toBe(name)
})

test('roles share the volume and the part they are of, and have Deployments of their own', () => {
  expect(kubernetesNames({ name: 'Foo_Bar', instanceId: '', roleSuffix: 'rp' })).toEqual({
    deployment: 'nc-app-foo-bar-rp',
    claim: 'nc-app-foo-bar-data',
    partOf: 'nc-app-foo-bar',
    mountPath: '/nc_app_Foo_Bar_data',
  })
})

test('the instance comes before the app', () => {
  expect(kubernetesNames({ name: 'foo', instanceId: 'oc1', roleSuffix: '' })).toMatchObject({
    deployment: 'nc-app-oc1-foo',
    mountPath: '/nc_app_oc1_foo_data',
  })
})
