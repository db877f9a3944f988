import { expect, test } from 'vitest'
import { settingNames } from './settings.ts'
import { findUnknownNames } from './unknown-names.ts'

test.each([
  ['HP_SHAREDKEY', 'HP_SHARED_KEY'],
  ['HP_TIMEOUT_CLIENTS', 'HP_TIMEOUT_CLIENT'],
  ['HARP_TIMEOUT_CLIENT', 'HP_TIMEOUT_CLIENT'],
  ['HP_CERTS_DIR', 'HARP_CERTS_DIR'],
  ['HARP_SHARED_KEY', 'HP_SHARED_KEY'],
  ['HARP_RECORDS_TTL', 'HARP_RECORD_TTL'],
])('%s is answered with: did you mean %s?', (name, meant) => {
  const problems = findUnknownNames({ [name]: 'x' })

  expect(problems).toMatchObject([{ severity: 'warning', name, fix: `did you mean ${meant}?` }])
})

test('a name that resembles nothing is named without a guess', () => {
  const [problem, ...more] = findUnknownNames({ HARP_FAVOURITE_COLOUR: 'blue' })

  expect(more).toEqual([])
  expect(problem?.fix).not.toContain('did you mean')
})

test('the value of an unknown name, which may be a misplaced secret, is not shown', () => {
  expect(JSON.stringify(findUnknownNames({ HP_SHARED_KEYS: 'the-secret' }))).not.toContain('the-secret')
})

test('no setting of the table is unknown', () => {
  expect(findUnknownNames(Object.fromEntries(settingNames.map((name) => [name, 'x'])))).toEqual([])
})

test('what Kubernetes says of a Service called harp is not taken for settings', () => {
  const injected = {
    HARP_SERVICE_HOST: '10.0.0.1',
    HARP_SERVICE_PORT: '8780',
    HARP_SERVICE_PORT_HTTP: '8780',
    HARP_PORT: 'tcp://10.0.0.1:8780',
    HARP_PORT_8780_TCP: 'tcp://10.0.0.1:8780',
    HARP_PORT_8780_TCP_PROTO: 'tcp',
    HARP_PORT_8780_TCP_PORT: '8780',
    HARP_PORT_8780_TCP_ADDR: '10.0.0.1',
    HARP_GATEWAY_PORT: 'tcp://10.0.0.1:8780',
  }

  expect(findUnknownNames(injected)).toEqual([])
  expect(findUnknownNames({ HARP_PORT: '8780' })).toHaveLength(1)
})

test('a flood of unknown names is cut to twenty warnings', () => {
  const flood = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`HP_X${index}`, '']))

  expect(findUnknownNames({ ...flood, [`HP_${'Y'.repeat(100_000)}`]: '' })).toHaveLength(20)
})
