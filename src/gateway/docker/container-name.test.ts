import { expect, test } from 'vitest'
import { appNamePattern, containerName, namePartPattern, volumeName } from './container-name.ts'

test.each([
  [{ name: 'foo', instanceId: '', roleSuffix: '' }, 'nc_app_foo', 'nc_app_foo_data'],
  [{ name: 'foo', instanceId: 'oc1', roleSuffix: '' }, 'nc_app_oc1_foo', 'nc_app_oc1_foo_data'],
  [
    { name: 'Foo_Bar', instanceId: 'oc1', roleSuffix: 'rp' },
    'nc_app_oc1_Foo_Bar_rp',
    'nc_app_oc1_Foo_Bar_data',
  ],
])('%j', (names, container, volume) => {
  expect(containerName(names)).toBe(container)
  expect(volumeName(names)).toBe(volume)
})

test.each(['', '_a', '.a', 'a/b', 'a b', 'a%2f', 'ä', 'a'.repeat(64), 'a\n'])('%j is no name', (text) => {
  expect(appNamePattern.test(text)).toBe(false)
})

test('parts of names may be empty, and begin with anything', () => {
  expect(['', '_a', '.a', 'rp'].every((text) => namePartPattern.test(text))).toBe(true)
  expect(['a/b', '\n', 'a?'].some((text) => namePartPattern.test(text))).toBe(false)
})
