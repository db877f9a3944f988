import { expect, test } from 'vitest'
import { parseConfig } from './parse-config.ts'
import { settingNames, settings, settingSections } from './settings.ts'

const minimal = { HP_SHARED_KEY: 'a-key-of-enough-length', NC_INSTANCE_URL: 'https://cloud.example.com' }
const files = { exists: () => false, readFile: () => undefined }

test('every setting is in exactly one section of the documentation', () => {
  const documented = settingSections.flatMap((section) => Object.keys(section.settings))

  expect(documented.toSorted()).toEqual(settingNames.toSorted())
})

test('a default that is written out is what an empty environment means', () => {
  const written = Object.entries(settings).filter(
    ([, { default: text, part }]) => text !== '' && part !== 'none',
  )
  const environment = {
    ...minimal,
    ...Object.fromEntries(written.map(([name, setting]) => [name, setting.default])),
  }

  const explicit = parseConfig(environment, files)

  expect(explicit.problems).toEqual([])
  expect(JSON.stringify(explicit.config)).toBe(JSON.stringify(parseConfig(minimal, files).config))
})

const choices = Object.entries(settings).flatMap(([name, setting]) =>
  (setting.choices ?? []).map((choice) => [name, choice] as const),
)

test.each(choices)('the documented choice %s=%s is accepted', (name, choice) => {
  expect(parseConfig({ ...minimal, [name]: choice }, files).problems).toEqual([])
})
