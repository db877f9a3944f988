import { expect, test, vi } from 'vitest'
import { readEnvironment } from './env.ts'

test('only settings and names with their prefixes are taken over', () => {
  const environment = readEnvironment({
    HP_SHARED_KEY: 'k',
    NC_INSTANCE_URL: 'u',
    HARP_TYPO: 't',
    HP_TYPO: 't',
    HOME: '/root',
    XDG_STATE_HOME: '/s',
    KUBERNETES_SERVICE_HOST: 'h',
    PATH: '/bin',
    DATABASE_PASSWORD: 'x',
    SHARP_X: 'x',
  })

  expect(Object.keys(environment).toSorted()).toEqual([
    'HARP_TYPO',
    'HOME',
    'HP_SHARED_KEY',
    'HP_TYPO',
    'KUBERNETES_SERVICE_HOST',
    'NC_INSTANCE_URL',
    'XDG_STATE_HOME',
  ])
})

test('without an argument it is the environment of the process, as it was at the call', () => {
  vi.stubEnv('HARP_TEST_ENV', 'before')
  const environment = readEnvironment()
  vi.stubEnv('HARP_TEST_ENV', 'after')
  const later = environment['HARP_TEST_ENV']
  vi.unstubAllEnvs()

  expect(later).toBe('before')
  expect(Object.isFrozen(environment)).toBe(true)
})
